/** What this kernel's io_uring offers, and a clear sentence with the mend where it offers nothing. */
import fs from 'node:fs';
import { CausewayError } from '../base/errors.ts';
import { closeDescriptor } from '../native/descriptors.ts';
import { errno, errnoName } from '../native/errno.ts';
import { uringRegisterBytes, uringSetup } from '../native/uring-calls.ts';
import { opcode, paramsBytes, probeEntryBytes, probeHeaderBytes, probeSupported, registerProbe } from './abi.ts';

const disabledSwitch = '/proc/sys/kernel/io_uring_disabled';

/** The error for an errno that io_uring_setup answered with. */
export function explainRefusal(refused: number): CausewayError {
  if (refused === errno.EPERM || refused === errno.EACCES) {
    let level = '?';
    try {
      level = fs.readFileSync(disabledSwitch, 'utf8').trim();
    } catch {
      // No such switch before Linux 6.6: then a seccomp filter (a container's) is what forbids it.
    }
    if (level === '1' || level === '2') {
      return new CausewayError(
        'io-uring-unavailable',
        `io_uring is switched off on this host (${disabledSwitch} is ${level})`,
        {
          hint: 'Switch it on: `sysctl kernel.io_uring_disabled=0`.',
        },
      );
    }
    return new CausewayError(
      'io-uring-unavailable',
      'this process may not use io_uring (a seccomp filter or a container forbids it)',
      {
        hint: 'Run outside the container, or allow io_uring_setup, io_uring_enter and io_uring_register in its seccomp profile.',
      },
    );
  }
  if (refused === errno.ENOSYS) {
    return new CausewayError('io-uring-unavailable', 'this kernel was built without io_uring', {
      hint: 'Boot a kernel with CONFIG_IO_URING=y, version 5.11 or later.',
    });
  }
  if (refused === errno.ENOMEM) {
    return new CausewayError('io-uring-unavailable', 'no memory for an io_uring', {
      hint: 'Raise the limit of locked memory (`ulimit -l unlimited`) or free memory.',
    });
  }
  return new CausewayError('io-uring-unavailable', `io_uring cannot be set up: ${errnoName(refused)}`);
}

export interface UringSupport {
  /** Why there is none; null when it can be used. */
  readonly refusal: CausewayError | null;
  /** Operations that we use and this kernel lacks. */
  readonly missing: readonly string[];
}

/** Looks; changes nothing. */
export function probeUring(): UringSupport {
  const fd = uringSetup(4, new Uint8Array(paramsBytes));
  if (fd < 0) return { refusal: explainRefusal(-fd), missing: [] };
  const count = 64;
  const bytes = new Uint8Array(probeHeaderBytes + count * probeEntryBytes);
  const result = uringRegisterBytes(fd, registerProbe, bytes, count);
  closeDescriptor(fd);
  if (result < 0) {
    return {
      refusal: new CausewayError('io-uring-unavailable', `io_uring cannot be probed: ${errnoName(result)}`),
      missing: [],
    };
  }
  const view = new DataView(bytes.buffer);
  const missing: string[] = [];
  for (const [name, code] of Object.entries(opcode)) {
    // Linux before 5.19 has no uring_cmd; only FUSE over io_uring and ublk need it, and they probe for themselves.
    if (code === opcode.uringCmd) continue;
    const flags = code < count ? view.getUint16(probeHeaderBytes + code * probeEntryBytes + 2, true) : 0;
    if ((flags & probeSupported) === 0) missing.push(name);
  }
  return { refusal: null, missing };
}

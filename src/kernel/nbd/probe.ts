/** Whether this host offers NBD devices. */
import os from 'node:os';
import { probeUring } from '../../uring/probe.ts';
import { type KernelDeviceProbe, mayAdministrate, moduleState, notOffered, offered } from '../host-facts.ts';
import { familyName } from './abi.ts';
import { GenericNetlink } from './netlink.ts';

export function probeNbd(): KernelDeviceProbe {
  const { refusal } = probeUring();
  if (refusal !== null) {
    return notOffered('nbd', { reason: refusal.message, mend: refusal.hint, loadable: null });
  }
  // Before, a device that was found could not be told to be ours.
  if (!kernelAtLeast(5, 14)) {
    const reason = `Linux ${os.release()} keeps no identifier of an NBD device`;
    return notOffered('nbd', { reason, mend: 'Use Linux 5.14 or later.', loadable: null });
  }
  switch (moduleState('nbd')) {
    case 'missing':
      return notOffered('nbd', {
        reason: 'this kernel has no nbd',
        mend: 'Use a kernel with the module nbd.',
        loadable: null,
      });
    case 'loadable':
      return notOffered('nbd', {
        reason: 'the module nbd is not loaded',
        mend: 'modprobe nbd',
        loadable: 'nbd',
      });
    case 'loaded':
      return probeFamily();
  }
}

function kernelAtLeast(major: number, minor: number): boolean {
  const [ours = 0, oursMinor = 0] = os.release().split('.').map(Number);
  return ours > major || (ours === major && oursMinor >= minor);
}

function probeFamily(): KernelDeviceProbe {
  if (!mayAdministrate()) {
    const reason = 'this process may not set up NBD devices (no CAP_SYS_ADMIN)';
    return notOffered('nbd', { reason, mend: 'Run as root.', loadable: null });
  }
  const netlink = new GenericNetlink();
  try {
    if (netlink.family(familyName) !== null) return offered('nbd', null);
  } finally {
    netlink.close();
  }
  const reason = 'the kernel offers no NBD by netlink to this network namespace';
  return notOffered('nbd', { reason, mend: 'Run in the network namespace of the host.', loadable: null });
}

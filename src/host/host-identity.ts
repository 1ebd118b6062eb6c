/**
 * Who this host is towards arrays: its NQN and identifier. Those of nvme-cli if the host has them, so that an array needs
 * one entry for the host; else they follow from the machine's id and are the same after every start.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { CausewayError } from '../base/errors.ts';

export interface HostIdentity {
  readonly hostnqn: string;
  /** UUID as text. */
  readonly hostid: string;
}

function readLine(path: string): string | null {
  try {
    const text = fs.readFileSync(path, 'utf8').trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}

/** A UUID that follows from a text (version 8: made by our own rule). */
function uuidFrom(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @throws CausewayError `no-host-identity` */
export function hostIdentity(hostNqn?: string, hostId?: string): HostIdentity {
  const machine =
    readLine('/etc/machine-id') ?? readLine('/var/lib/dbus/machine-id') ?? readLine('/proc/sys/kernel/hostname');
  const hostid = hostId ?? readLine('/etc/nvme/hostid') ?? (machine === null ? null : uuidFrom(`causeway ${machine}`));
  if (hostid === null) {
    throw new CausewayError(
      'no-host-identity',
      'this host has neither /etc/nvme/hostid nor /etc/machine-id nor a name',
    );
  }
  const hostnqn = hostNqn ?? readLine('/etc/nvme/hostnqn') ?? `nqn.2014-08.org.nvmexpress:uuid:${hostid}`;
  return { hostnqn, hostid };
}

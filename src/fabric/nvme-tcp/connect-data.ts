/**
 * The 1024 bytes that travel with a Connect: who connects to what (NVMe Base, "Connect Command and Response").
 */
import { readHex, readUtf8, requireBytes, writeHex, writeUtf8, zero } from './wire.ts';

export const connectDataBytes = 1024;
export const connectData = { hostid: 0, cntlid: 16, subnqn: 256, hostnqn: 512 } as const;
/** An NQN field; the text and its NUL fit in it. */
export const nqnFieldBytes = 256;

export interface ConnectData {
  /** 32 hexadecimal digits (hyphens are accepted when writing). Tells hosts apart; all controllers of a host carry the same. */
  readonly hostid: string;
  /** 0xffff on the admin queue: the subsystem chooses. */
  readonly cntlid: number;
  /** Null from a reader: not NUL-terminated UTF-8. */
  readonly subnqn: string | null;
  readonly hostnqn: string | null;
}

export function writeConnectData(view: DataView, at: number, data: ConnectData): void {
  zero(view, at, connectDataBytes);
  writeHex(view, at + connectData.hostid, 16, data.hostid);
  view.setUint16(at + connectData.cntlid, data.cntlid, true);
  writeUtf8(view, at + connectData.subnqn, nqnFieldBytes, data.subnqn ?? '');
  writeUtf8(view, at + connectData.hostnqn, nqnFieldBytes, data.hostnqn ?? '');
}

/** @throws CausewayError `nvme-malformed` if the data is short. What the names mean is for the target to judge. */
export function readConnectData(view: DataView, at: number): ConnectData {
  requireBytes(view, at, connectDataBytes, 'connect data');
  return {
    hostid: readHex(view, at + connectData.hostid, 16),
    cntlid: view.getUint16(at + connectData.cntlid, true),
    subnqn: readUtf8(view, at + connectData.subnqn, nqnFieldBytes),
    hostnqn: readUtf8(view, at + connectData.hostnqn, nqnFieldBytes),
  };
}

/** What can be said of an association, and what holds where nothing is said. */
import type { Address } from '../../io/contract.ts';
import type { DhchapSecrets } from './auth/secret.ts';

export interface AssociationOptions {
  readonly address: Address;
  readonly subnqn: string;
  readonly hostnqn: string;
  /** 32 hexadecimal digits, or a UUID. */
  readonly hostid: string;
  /** To authenticate with, where the array wants it; nothing if left out. */
  readonly dhchap?: DhchapSecrets | null;
  /** Only these namespaces, until `include` says more; all if left out. */
  readonly nsids?: readonly number[];
  /** Digests to ask for, bits of `digestBit`. */
  readonly digests?: number;
  /** Commands at once on each I/O queue. */
  readonly queueDepth?: number;
  /** Keep-alive time-out, milliseconds. */
  readonly katoMs?: number;
  /** An I/O without an answer for this long is called back; if that does not help, the controller is condemned. Ms. */
  readonly ioTimeoutMs?: number;
  readonly adminTimeoutMs?: number;
  /** TCP_USER_TIMEOUT, milliseconds. */
  readonly userTimeoutMs?: number;
  /** Bound on connecting and exchanging ICReq and ICResp, milliseconds. */
  readonly handshakeMs?: number;
  /** Assumed where the controller reports no CQT, milliseconds. */
  readonly quiesceMs?: number;
  /** First and longest wait before connecting again, milliseconds. */
  readonly reconnectFirstMs?: number;
  readonly reconnectLongestMs?: number;
}

export type CompleteOptions = Required<Omit<AssociationOptions, 'nsids'>>;

/**
 * Who notices what, and in which order. A peer that vanished (a cable, a switch, a machine without power) acknowledges
 * nothing: TCP_USER_TIMEOUT ends the connection 5 s after the first byte that it does not acknowledge. By then TCP has sent
 * it four times (0.2, 0.6, 1.4 and 3 s later), which outlasts a switch or bond that fails over, and still the loss is known
 * well before the keep-alive timeout of 15 s. It takes no longer where the peer's kernel acknowledges but its window stays
 * shut, because nobody reads there. While the window is open such a peer is not noticed by TCP, but by its keep-alive, sent
 * every 5 s, which goes without an answer for 10 s. One command that hangs while the others are answered has 30 s, as long as a host may take to ask a disk again.
 */
export const associationDefaults = {
  dhchap: null,
  digests: 0,
  queueDepth: 128,
  katoMs: 15_000,
  ioTimeoutMs: 30_000,
  adminTimeoutMs: 10_000,
  userTimeoutMs: 5_000,
  handshakeMs: 5_000,
  quiesceMs: 30_000,
  reconnectFirstMs: 200,
  reconnectLongestMs: 5_000,
} as const;

/** With everything that was left out, but for the namespaces. Two associations with the same are alike. */
export function completeOptions(options: AssociationOptions): CompleteOptions {
  const complete = { ...associationDefaults, ...options };
  delete complete.nsids;
  return complete;
}

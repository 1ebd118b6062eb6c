/**
 * The part of a Diffie-Hellman exchange that costs time: up to 12 ms with ffdhe8192. The state machines only say what is to
 * be computed; who runs them decides where. On a reactor the two halves are computed with a turn of its loop between them,
 * so that I/O waits for one of them at most.
 */
import type { Io } from '../../../io/contract.ts';
import { publicValueOf, sharedValueOf } from './dh-groups.ts';
import type { Group } from './names.ts';

export interface DhWork {
  readonly group: Group;
  readonly privateKey: Uint8Array;
  /** Checked to be fit; null: only our own public value is wanted. */
  readonly peer: Uint8Array | null;
  /** Our own public value is wanted. */
  readonly isPublicWanted: boolean;
}

export interface DhResult {
  /** Empty where it was not wanted. */
  readonly publicValue: Uint8Array;
  /** Null without a peer. */
  readonly shared: Uint8Array | null;
}

/** What comes of it where there is no Diffie-Hellman. */
export const noDh: DhResult = { publicValue: new Uint8Array(0), shared: null };

/** Lets the loop turn once. */
function turn(io: Io): Promise<void> {
  return io.sleep(0);
}

/** Null: there is nothing to compute. */
export async function compute(io: Io, work: DhWork | null): Promise<DhResult> {
  if (work === null) return noDh;
  const { group, privateKey, peer, isPublicWanted } = work;
  await turn(io);
  const publicValue = isPublicWanted ? publicValueOf(group, privateKey) : noDh.publicValue;
  if (peer === null) return { publicValue, shared: null };
  if (isPublicWanted) await turn(io);
  return { publicValue, shared: sharedValueOf(group, privateKey, peer) };
}

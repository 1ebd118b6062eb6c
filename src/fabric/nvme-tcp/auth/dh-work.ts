/**
 * The part of a Diffie-Hellman exchange that costs time. The state machines only say what is to be computed; this decides
 * where. One of its two powers takes 0.3 ms with ffdhe2048, 0.6 with ffdhe3072, 1.3 with ffdhe4096, 2.9 with ffdhe6144 and
 * 6.1 with ffdhe8192 (measured; with private keys as short as RFC 7919 allows). Up to ffdhe4096 it is computed here, with a
 * turn of the loop between the two, so that I/O waits for one at most; beyond, by another thread if there is one for it.
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

/** Whoever computes for this thread; resolves through the loop's own promises, so that the loop hears of it. */
type Helper = (work: DhWork) => Promise<DhResult>;

/** Groups whose values are longer are the helper's, bytes. */
const longestHere = 512;
/** A helper that does not answer for so long has something else to do, milliseconds. */
const helperPatienceMs = 2000;

/** Of this thread; the simulator has none. */
let helper: Helper | null = null;

/** From now on `by` computes for this thread what takes long. */
export function computeElsewhere(by: Helper): void {
  helper = by;
}

/** At once, and all of it: for a thread that has no I/O to do. */
export function computeNow({ group, privateKey, peer, isPublicWanted }: DhWork): DhResult {
  return {
    publicValue: isPublicWanted ? publicValueOf(group, privateKey) : noDh.publicValue,
    shared: peer === null ? null : sharedValueOf(group, privateKey, peer),
  };
}

/** Null: there is nothing to compute. */
export async function compute(io: Io, work: DhWork | null): Promise<DhResult> {
  if (work === null) return noDh;
  if (helper !== null && work.group.bytes > longestHere) {
    const result = await Promise.race([helper(work), io.sleep(helperPatienceMs)]);
    if (result !== undefined) return result;
  }
  return await computeHere(io, work);
}

async function computeHere(io: Io, work: DhWork): Promise<DhResult> {
  await io.sleep(0);
  const { publicValue } = computeNow({ ...work, peer: null });
  if (work.peer === null) return { publicValue, shared: null };
  if (work.isPublicWanted) await io.sleep(0);
  return { publicValue, shared: computeNow({ ...work, isPublicWanted: false }).shared };
}

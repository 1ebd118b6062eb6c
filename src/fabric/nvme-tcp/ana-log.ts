/**
 * Asymmetric Namespace Access log page, 0Ch (NVMe Base, "Asymmetric Namespace Access"). It may be of any size: a
 * reader that stops at one page of 4096 bytes loses namespaces (an early initiator did, above 228 of them).
 */
import { anaState, nsidAll } from './constants.ts';
import { malformed, requireBytes, zero } from './wire.ts';

export interface AnaGroup {
  readonly anagrpid: number;
  /** Grows with every change of the group; 0 = not reported. Only ever compared. */
  readonly chgcnt: bigint;
  /** One of `anaState`. */
  readonly state: number;
  /** Namespaces attached to the controller, ascending; empty if only groups were asked for (RGO). */
  readonly nsids: readonly number[];
}

export interface AnaLog {
  readonly chgcnt: bigint;
  readonly groups: readonly AnaGroup[];
}

const header = { bytes: 16, chgcnt: 0, ngrps: 8 } as const;
const group = { bytes: 32, anagrpid: 0, nnsids: 4, chgcnt: 8, state: 16, nsids: 32 } as const;

/** Bytes to ask for so that the whole log fits: `groups` is NANAGRPID, `namespaces` MNAN or NN of identify controller. */
export function anaLogBytes(groups: number, namespaces: number): number {
  return header.bytes + groups * group.bytes + namespaces * 4;
}

/** Bytes of the log's header, which says how many groups follow. */
export const anaLogHeaderBytes = header.bytes;

function isState(state: number): boolean {
  return (
    state === anaState.optimized ||
    state === anaState.nonOptimized ||
    state === anaState.inaccessible ||
    state === anaState.persistentLoss ||
    state === anaState.change
  );
}

/**
 * Reads a log of which `length` bytes were received. Namespaces beyond what the log announces are ignored.
 * @throws CausewayError `nvme-malformed` if it says more than it has, or has unknown states or identifiers
 */
export function readAnaLog(view: DataView, at: number, length: number): AnaLog {
  requireBytes(view, at, length, 'the ANA log');
  if (length < header.bytes) throw malformed(`an ANA log of ${length} bytes`);
  const end = at + length;
  const ngrps = view.getUint16(at + header.ngrps, true);
  const groups: AnaGroup[] = [];
  const seen = new Set<number>();
  let place = at + header.bytes;
  for (let i = 0; i < ngrps; i += 1) {
    if (end - place < group.bytes) throw malformed(`an ANA log that ends before group ${i + 1} of ${ngrps}`);
    const anagrpid = view.getUint32(place + group.anagrpid, true);
    const nnsids = view.getUint32(place + group.nnsids, true);
    const state = view.getUint8(place + group.state) & 15;
    if (anagrpid === 0 || seen.has(anagrpid))
      throw malformed(`an ANA log that names group ${anagrpid} wrongly or twice`);
    if (!isState(state)) throw malformed(`the unknown state ${state} for ANA group ${anagrpid}`);
    // Compared as a count, not as bytes: nnsids is hostile and its product with 4 need not fit anything.
    if (nnsids > Math.floor((end - place - group.bytes) / 4)) {
      throw malformed(`an ANA log that ends within the ${nnsids} namespaces of group ${anagrpid}`);
    }
    seen.add(anagrpid);
    const nsids: number[] = [];
    for (let n = 0; n < nnsids; n += 1) {
      const nsid = view.getUint32(place + group.nsids + 4 * n, true);
      if (nsid === 0 || nsid === nsidAll) throw malformed(`namespace ${nsid} in ANA group ${anagrpid}`);
      nsids.push(nsid);
    }
    groups.push({ anagrpid, chgcnt: view.getBigUint64(place + group.chgcnt, true), state, nsids });
    place += group.bytes + 4 * nnsids;
  }
  return { chgcnt: view.getBigUint64(at + header.chgcnt, true), groups };
}

/** Bytes that `writeAnaLog` writes. `groupsOnly` is RGO. */
export function anaLogSize(log: AnaLog, groupsOnly: boolean): number {
  let namespaces = 0;
  if (!groupsOnly) for (const { nsids } of log.groups) namespaces += nsids.length;
  return anaLogBytes(log.groups.length, namespaces);
}

/** Writes the whole log (the target then sends the part that was asked for). Returns its length. */
export function writeAnaLog(view: DataView, at: number, log: AnaLog, groupsOnly: boolean): number {
  const bytes = anaLogSize(log, groupsOnly);
  zero(view, at, bytes);
  view.setBigUint64(at + header.chgcnt, log.chgcnt, true);
  view.setUint16(at + header.ngrps, log.groups.length, true);
  let place = at + header.bytes;
  for (const { anagrpid, chgcnt, state, nsids } of log.groups) {
    const listed = groupsOnly ? [] : nsids;
    view.setUint32(place + group.anagrpid, anagrpid, true);
    view.setUint32(place + group.nnsids, listed.length, true);
    view.setBigUint64(place + group.chgcnt, chgcnt, true);
    view.setUint8(place + group.state, state);
    listed.forEach((nsid, n) => view.setUint32(place + group.nsids + 4 * n, nsid, true));
    place += group.bytes + 4 * listed.length;
  }
  return bytes;
}

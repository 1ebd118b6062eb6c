/**
 * What stands between writes and ghosts: writes that lost controllers may still execute. A lost write is sent again at
 * once and answered; what it may still do is to write its own data once more, which harms nobody as long as nothing else
 * is written to its range meanwhile. So its range is in quarantine until the controller is fenced, and whatever else
 * would write there waits. docs/ghost-writes.md goes through the orders of events.
 *
 * Two rules, for every reactor of the device alike:
 * 1. A write is entered among the writes under way *before* it looks at the quarantine, and a lost one is put into
 *    quarantine *before* it looks at the writes under way, and before it leaves them. So of a write and a lost one that
 *    overlap, at least one sees the other.
 * 2. A write waits for all overlapping entries that are not its own. A lost one that is sent again waits besides for all
 *    overlapping writes under way: sent before them, its ghost could come back over them after they were answered.
 *
 * A lost write that is held until its fence, because the mode is `strict` or the quarantine is full, counts as under way
 * until then: its ghost may come at any time before, and so may not come between another lost write and that one's ghost.
 *
 * Nobody waits for ever: entries go with their fence, which time brings about at the latest, and what is under way ends
 * or is lost within the I/O timeout and the grace after it, and is held no longer than until its fence; none of them waits
 * for anybody else.
 */
import { nobody, Quarantine, quarantineBytes, type QuarantineEntry } from './quarantine.ts';
import { WriteTable, writeTableBytes } from './write-table.ts';

export const passage = {
  /** It may be sent; it counts as under way from now on. */
  free: 0,
  /** A ghost may still write there. A fence will end that, and everybody is told of it. */
  quarantined: 1,
  /** It is sent again, and a write that overlaps it is still under way. Nobody tells when that ends. */
  overlapped: 2,
} as const;

export type Passage = (typeof passage)[keyof typeof passage];

/** The "controller" of entries that hold everything back. A real one's number is not negative; nor is it an earlier program's. */
export const heldBack = -2;

export function ghostGateBytes(reactors: number): number {
  return quarantineBytes + writeTableBytes(reactors);
}

export class GhostGate {
  readonly #quarantine: Quarantine;
  readonly #writes: WriteTable;

  /** On `ghostGateBytes(reactors)` of memory, all zeroes at first, which the reactors of one device share. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(ghostGateBytes(1)), reactors = 1, reactor = 0) {
    this.#quarantine = new Quarantine(buffer);
    this.#writes = new WriteTable(buffer, quarantineBytes, reactors, reactor);
  }

  /**
   * May a write, discard or write-zeroes be sent?
   * @param slot number of its part on this reactor
   * @param owner number of its request if that was lost before, else `nobody`
   */
  pass(slot: number, start: number, length: number, owner: number): Passage {
    // Once its own ghosts are gone it is a write like any other, and does not let others pass for ever.
    if (owner !== nobody && this.#quarantine.holds(owner) && this.#writes.overlaps(start, length)) {
      return passage.overlapped;
    }
    this.#writes.enter(slot, start, length);
    if (!this.#quarantine.blocks(start, length, owner)) return passage.free;
    this.#writes.leave(slot);
    return passage.quarantined;
  }

  /** It was sent without having passed, and is under way. Others may have passed that overlap it. */
  enter(slot: number, start: number, length: number): void {
    this.#writes.enter(slot, start, length);
  }

  /** It has ended, and can not be executed any more. */
  ended(slot: number): void {
    this.#writes.leave(slot);
  }

  /**
   * It was lost with this life of its controller. False if there is no room in the quarantine: then it has to be held
   * until the fence, and counts as under way until `ended`.
   */
  lost(slot: number, start: number, length: number, controller: number, epoch: number, owner: number): boolean {
    if (!this.#quarantine.put(start, length, controller, epoch, owner)) return false;
    this.#writes.leave(slot);
    return true;
  }

  /** Keeps a range in quarantine that was lost in an earlier life of this program. False if there is no room. */
  keep(start: number, length: number, controller: number, epoch: number, owner: number): boolean {
    return this.#quarantine.put(start, length, controller, epoch, owner);
  }

  /**
   * Keeps every write of every reactor back from now on, for a command that changes media nobody knows where. It is quiet if no
   * write is under way and none may still be executed. By rule 1 none can slip through: the entry stands before it is looked whether any
   * write is under way, and whoever enters later sees it. Ends with `fenced(heldBack, hold)` on every reactor, also if
   * it is not quiet, because others may have seen the entry and wait. If the command becomes a ghost itself, `keep` what it may still
   * change for the life of its controller before that.
   */
  holdAll(bytes: number): { hold: number; isQuiet: boolean } {
    const hold = this.#quarantine.newOwner();
    const isPut = this.#quarantine.put(0, bytes, heldBack, hold, hold);
    const isAlone = this.#quarantine.entries().every(({ owner }) => owner === hold);
    return { hold, isQuiet: isPut && isAlone && this.#writes.ranges().length === 0 };
  }

  /** What a program left that was killed: the ranges that ghosts of it may still write to. */
  remains(): { start: number; length: number }[] {
    const kept = this.#quarantine.entries().map(({ start, length }) => ({ start, length }));
    return [...kept, ...this.#writes.ranges()];
  }

  newOwner(): number {
    return this.#quarantine.newOwner();
  }

  /** That life of the controller is fenced. */
  fenced(controller: number, epoch: number): void {
    this.#quarantine.clear(controller, epoch);
  }

  entries(): QuarantineEntry[] {
    return this.#quarantine.entries();
  }
}

/** How one reactor of a device deals with writes of unknown outcome, by its mode; what is right about it: ghost-gate.ts. */
import { assert } from '../base/assert.ts';
import type { Io } from '../io/contract.ts';
import { type Part, verdict } from '../fabric/contract.ts';
import type { Alarm } from './alarm.ts';
import { GhostGate, passage } from './ghost-gate.ts';
import { type Job, PartList } from './job.ts';
import { defaultGhostWrites, type GhostWrites, type MultipathOptions } from './options.ts';
import { nobody, type QuarantineEntry } from './quarantine.ts';
import { changesData, fate, type Fate, fateOf } from './retry.ts';
import { deviceCounter, type DeviceStatistics } from './statistics.ts';

/** Between two looks at writes under way that a lost one waits for. Milliseconds. */
const lookAgain = 1;

/** Says of a life of a controller that nobody waits for its fence any longer. */
type GivenUp = (controller: number, epoch: number) => boolean;
const everyLife: GivenUp = () => true;

export class Ghosts {
  /** What comes to wait here may wait for a life that is given up: the alarm goes off for it. */
  failsFast = false;
  #mode: GhostWrites;
  readonly #io: Io;
  readonly #gate: GhostGate;
  readonly #isFenced: ((controller: number, epoch: number) => boolean) | undefined;
  readonly #statistics: DeviceStatistics;
  readonly #alarm: Alarm;
  /** Parts whose range a ghost may still write to. */
  readonly #quarantined = new PartList();
  /** Lost parts that wait for overlapping writes under way; nobody tells when those end. */
  readonly #overlapped = new PartList();
  /** Parts of unknown outcome that are held until the controller that has them is fenced. */
  readonly #held = new PartList();
  readonly #parts: readonly Part[];
  readonly #jobs: readonly Job[];

  /** @param parts all parts of the device @param jobs by the parts' `ownerTag` */
  constructor(
    io: Io,
    options: MultipathOptions,
    parts: readonly Part[],
    jobs: readonly Job[],
    statistics: DeviceStatistics,
    alarm: Alarm,
  ) {
    this.#parts = parts;
    this.#jobs = jobs;
    this.#mode = options.ghostWrites ?? defaultGhostWrites;
    this.#io = io;
    this.#gate = options.gate ?? new GhostGate();
    this.#isFenced = options.isFenced;
    this.#statistics = statistics;
    this.#alarm = alarm;
  }

  /**
   * Another mode from now on, for what is lost from now on and for what waits: what need not wait any more goes to `into`.
   * docs/ghost-writes.md says why this is right.
   */
  setMode(mode: GhostWrites, into: PartList): void {
    if (mode === this.#mode) return;
    // Until now nobody kept account of what is under way.
    if (this.#mode === 'none') {
      for (const part of this.#parts) {
        if (part.underWay && changesData(part.op)) this.#gate.enter(part.index, part.offset, part.length);
      }
    }
    this.#mode = mode;
    if (mode === 'strict') return;
    this.#takeHeld((part) => mode === 'none' || this.#keep(part), into);
    if (mode === 'quarantine') return;
    for (let part = this.takeOut(); part !== null; part = this.takeOut()) into.push(part);
  }

  /** Its range is put into quarantine, so that it can be sent again. False if there is no room. */
  #keep(part: Part): boolean {
    const job = this.#jobs[part.ownerTag]!;
    if (job.owner === nobody) job.owner = this.#gate.newOwner();
    return this.#put(part, job.owner);
  }

  /** Parts that wait here for others, besides those that are held. */
  get waiting(): number {
    return this.#quarantined.size + this.#overlapped.size;
  }

  /** May the part be sent? If so it counts as under way; if not, it waits here. */
  passes(part: Part): boolean {
    if (this.#mode === 'none' || !changesData(part.op)) return true;
    const { owner } = this.#jobs[part.ownerTag]!;
    const how = this.#gate.pass(part.index, part.offset, part.length, owner);
    if (how === passage.free) {
      // Most never waited, and the clock need not be asked for them.
      if (part.waitsSince >= 0) this.#statistics.endGated(part, this.#io.clock.now());
      return true;
    }
    const now = this.#io.clock.now();
    this.#statistics.beginGated(part, now);
    if (how === passage.quarantined) {
      this.#quarantined.push(part);
      if (this.failsFast) this.#alarm.arm(now);
    } else {
      this.#overlapped.push(part);
      this.#alarm.arm(now + lookAgain);
    }
    this.#count();
    return false;
  }

  /** The part came back with an answer that is final for it. */
  ended(part: Part): void {
    if (changesData(part.op)) this.#gate.ended(part.index);
  }

  /**
   * What becomes of a part that failed; if it is a ghost, it is seen to that it can do no harm. One that has to be held is
   * given to `hold`. It stays among the writes under way: a lost write that overlaps it must not be answered before its
   * fence, and if this program is killed, its successor has to know of it (docs/ghost-writes.md).
   */
  fateOf(part: Part): Fate {
    if (this.#mode === 'none' || !this.#isGhost(part)) {
      this.ended(part);
      return fateOf(part, false);
    }
    if (this.#mode === 'quarantine' && this.#keep(part)) return fateOf(part, false);
    const next = fateOf(part, true);
    return next === fate.up && !this.#giveUp(part) ? fate.hold : next;
  }

  #isGhost(part: Part): boolean {
    if (!changesData(part.op) || (part.verdict & verdict.mayStillExecute) === 0) return false;
    return this.#isFenced?.(controllerOf(part), part.epoch) !== true;
  }

  hold(part: Part): void {
    this.#held.push(part);
    const now = this.#io.clock.now();
    this.#statistics.beginHold(part, now);
    if (this.failsFast) this.#alarm.arm(now);
  }

  /** Held parts that are answered with an error before their fence. Nothing else may be written there until it comes. */
  giveUpHeld(into: PartList, isGivenUp = everyLife): void {
    this.#takeHeld((part) => isGivenUp(controllerOf(part), part.epoch) && this.#giveUp(part), into);
  }

  /** All that waits for lives that are given up: held parts, and those that an entry of such a life keeps off its range. */
  giveUp(into: PartList, isGivenUp: GivenUp): void {
    this.giveUpHeld(into, isGivenUp);
    if (this.#quarantined.size === 0) return;
    const entries = this.#gate.entries().filter(({ controller, epoch }) => isGivenUp(controller, epoch));
    if (entries.length === 0) return;
    const now = this.#io.clock.now();
    for (let left = this.#quarantined.size; left > 0; left -= 1) {
      const part = this.#quarantined.shift()!;
      if (this.#isKeptOff(part, entries)) {
        this.#statistics.endGated(part, now);
        into.push(part);
      } else {
        this.#quarantined.push(part);
      }
    }
    this.#count();
  }

  /** As the gate judges it: by every entry that overlaps the part and is not its own. */
  #isKeptOff(part: Part, entries: readonly QuarantineEntry[]): boolean {
    const { owner } = this.#jobs[part.ownerTag]!;
    const end = part.offset + part.length;
    return entries.some(
      (entry) =>
        entry.start < end && entry.start + entry.length > part.offset && (owner === nobody || entry.owner !== owner),
    );
  }

  /** Its range stays in quarantine. False if there is no room; then it has to be held on. */
  #giveUp(part: Part): boolean {
    return this.#put(part, nobody);
  }

  /** Takes out held parts of which `goes` says so. They are no longer under way. */
  #takeHeld(goes: (part: Part) => boolean, into: PartList): void {
    for (let left = this.#held.size; left > 0; left -= 1) {
      const part = this.#held.shift()!;
      if (!goes(part)) {
        this.#held.push(part);
        continue;
      }
      this.ended(part);
      this.#statistics.endHold(part, this.#io.clock.now());
      into.push(part);
    }
  }

  #put(part: Part, owner: number): boolean {
    const { index, offset, length, epoch } = part;
    if (!this.#gate.lost(index, offset, length, controllerOf(part), epoch, owner)) return false;
    this.#statistics.add(deviceCounter.everQuarantined, 1);
    return true;
  }

  /**
   * No command of that life of the controller can execute any more: whoever waited for it goes to `into`. A later life may
   * be fenced before an earlier one, so this says nothing of any other.
   */
  fenced(controller: number, epoch: number, into: PartList): void {
    this.#takeHeld((part) => part.epoch === epoch && controllerOf(part) === controller, into);
    this.#gate.fenced(controller, epoch);
    into.take(this.#quarantined);
    into.take(this.#overlapped);
    this.#count();
  }

  /** Something may have ended that a lost part waits for. */
  lookAgain(into: PartList): void {
    if (this.#overlapped.size === 0) return;
    into.take(this.#overlapped);
    this.#count();
  }

  /** The next part that waits here, taken out; null if there is none. */
  takeOut(): Part | null {
    const part = this.#overlapped.shift() ?? this.#quarantined.shift();
    if (part !== null) this.#statistics.endGated(part, this.#io.clock.now());
    this.#count();
    return part;
  }

  #count(): void {
    this.#statistics.set(deviceCounter.gated, this.waiting);
  }
}

/** Where a part that came back was sent last. */
function controllerOf(part: Part): number {
  assert(part.path !== null, 'a part that was never sent is lost');
  return part.path.controller;
}

/** How one reactor of a device deals with writes of unknown outcome, by its mode; what is right about it: ghost-gate.ts. */
import type { Io } from '../io/contract.ts';
import { type Part, verdict } from '../fabric/contract.ts';
import type { Alarm } from './alarm.ts';
import { GhostGate, passage } from './ghost-gate.ts';
import { type Job, PartList } from './job.ts';
import { defaultGhostWrites, type GhostWrites, type MultipathOptions } from './options.ts';
import { nobody } from './quarantine.ts';
import { changesData, fate, type Fate, fateOf } from './retry.ts';
import { deviceCounter, type DeviceStatistics } from './statistics.ts';

/** Between two looks at writes under way that a lost one waits for. Milliseconds. */
const lookAgain = 1;

export class Ghosts {
  readonly mode: GhostWrites;
  readonly #io: Io;
  readonly #gate: GhostGate;
  readonly #isFenced: ((controller: number, epoch: number) => boolean) | undefined;
  readonly #statistics: DeviceStatistics;
  readonly #alarm: Alarm;
  /** Parts whose range a ghost may still write to. */
  readonly #quarantined = new PartList();
  /** Lost parts that wait for overlapping writes under way; nobody tells when those end. */
  readonly #overlapped = new PartList();

  constructor(io: Io, options: MultipathOptions, statistics: DeviceStatistics, alarm: Alarm) {
    this.mode = options.ghostWrites ?? defaultGhostWrites;
    this.#io = io;
    this.#gate = options.gate ?? new GhostGate();
    this.#isFenced = options.isFenced;
    this.#statistics = statistics;
    this.#alarm = alarm;
  }

  /** Parts that wait here. */
  get waiting(): number {
    return this.#quarantined.size + this.#overlapped.size;
  }

  /** May the part of this job be sent? If so it counts as under way; if not, it waits here. */
  passes(part: Part, job: Job): boolean {
    if (this.mode === 'none' || !changesData(part.op)) return true;
    const how = this.#gate.pass(part.index, part.offset, part.length, job.owner);
    if (how === passage.free) {
      // Most never waited, and the clock need not be asked for them.
      if (part.waitsSince >= 0) this.#statistics.endGated(part, this.#io.clock.now());
      return true;
    }
    const now = this.#io.clock.now();
    this.#statistics.beginGated(part, now);
    if (how === passage.quarantined) {
      this.#quarantined.push(part);
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
   * What becomes of a part that failed; if it is a ghost, it is seen to that it can do no harm. One that is held stays
   * among the writes under way: if this program is killed, its successor has to know of it (docs/ghost-writes.md).
   */
  fateOf(part: Part, job: Job, controller: number): Fate {
    if (this.mode === 'none' || !this.#isGhost(part, controller)) {
      this.ended(part);
      return fateOf(part, false);
    }
    if (this.mode === 'quarantine') {
      if (job.owner === nobody) job.owner = this.#gate.newOwner();
      return this.#put(part, controller, job.owner) ? fateOf(part, false) : fate.hold;
    }
    const next = fateOf(part, true);
    return next !== fate.up || this.giveUp(part, controller) ? next : fate.hold;
  }

  /** The fence came that a part was held for: it is no ghost any more. */
  released(part: Part): void {
    this.#gate.ended(part.index);
  }

  #isGhost(part: Part, controller: number): boolean {
    if (!changesData(part.op) || (part.verdict & verdict.mayStillExecute) === 0) return false;
    return this.#isFenced?.(controller, part.epoch) !== true;
  }

  /**
   * A ghost is answered with an error before its fence: its range stays in quarantine. False if there is no room; then it
   * has to be held on.
   */
  giveUp(part: Part, controller: number): boolean {
    return this.#put(part, controller, nobody);
  }

  #put({ index, offset, length, epoch }: Part, controller: number, owner: number): boolean {
    if (!this.#gate.lost(index, offset, length, controller, epoch, owner)) return false;
    this.#statistics.add(deviceCounter.everQuarantined, 1);
    return true;
  }

  /** That life of the controller is fenced: whoever waited for it goes to `into`. */
  fenced(controller: number, epoch: number, into: PartList): void {
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

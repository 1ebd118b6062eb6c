/**
 * What selectors look at: the paths of a device on one reactor, as numbers. A path's place in every array is its index
 * in the device. Everything is kept ready as commands come and go, in steps whose number does not grow with the paths
 * (but for a ranking's depth); only events (a path comes, goes, changes) walk over all of them. See docs/selectors/.
 */
import { assert } from '../../base/assert.ts';
import { maxPaths } from '../statistics.ts';
import type { Selector } from '../selector.ts';
import type { ActivePath } from './active-path.ts';
import { Ranking } from './ranking.ts';
import { SmoothedLatency } from './smoothed-latency.ts';
import { groupOf, throughputGroups } from './throughput-groups.ts';

const nothing = new Uint8Array(maxPaths);

export class Board {
  /** Paths have indexes below this; a power of two. */
  size = 1;
  /** 1: the path may carry I/O now: it lives, and no living one is of a better rank. */
  readonly carries = new Uint8Array(maxPaths);
  /** 1: it carries I/O, and had room when last looked at. */
  readonly hasRoom = new Uint8Array(maxPaths);
  /** Those with room, in no order: the first `readyCount`. */
  readonly ready = new Uint8Array(maxPaths);
  readyCount = 0;
  readonly inFlight = new Int32Array(maxPaths);
  readonly bytesInFlight = new Float64Array(maxPaths);
  /** The administrator's, from 1. */
  readonly weights = new Float64Array(maxPaths).fill(1);
  readonly latency: SmoothedLatency;

  /** The path that took the last command, and how many in a row it took; -1: none yet. */
  last = -1;
  run = 0;
  /** How many in a row one path is to take at least. */
  minimumRun: number;
  /** The number of the last command that went to a path, counting all. */
  readonly turns = new Float64Array(maxPaths);
  #turn = Number.NaN; // starts as a double, so that the field's representation never changes

  /**
   * When each path's next command is due by its share, in a time that passes with the commands: a path of weight w is
   * due w times in every unit. Rounding makes an error of 2^-52 of a share for each command at most.
   */
  readonly dues = new Float64Array(maxPaths);
  /** What that time is now. A path that could not use its share does not catch up on it. */
  #due = Number.NaN; // starts as a double, so that the field's representation never changes
  #sharesChanged = true;

  /** One of the paths that carry I/O, the one of `failover-only` where that is chosen; -1: none does. */
  active = -1;
  readonly #activePath: ActivePath;
  /** What it was when `active` was taken from it. */
  #seen = -1;
  /** The other reactors know which paths this one could use. */
  #isPublished = false;

  /** One, or for selectors that tell throughputs apart one for each of `groupWeights`. */
  readonly rankings: Ranking[] = [];
  groupWeights: number[] = [1];
  readonly #groups = new Uint8Array(maxPaths);
  /** Where in `ready` a path with room stands. */
  readonly #places = new Uint8Array(maxPaths);
  #selector: Selector;

  /** @param latencyMemory as SmoothedLatency @param activePath shared by all reactors of the device */
  constructor(selector: Selector, minimumRun: number, latencyMemory: number, activePath: ActivePath) {
    this.#activePath = activePath;
    this.#selector = selector;
    this.minimumRun = minimumRun;
    this.latency = new SmoothedLatency(latencyMemory);
    this.#turn = 0;
    this.#due = 0;
    this.#makeRankings();
  }

  get selector(): Selector {
    return this.#selector;
  }

  // --- Events: `arrange` and, for each path, `load` follow ----------------------------------------------------------

  set selector(selector: Selector) {
    this.#selector = selector;
    this.active = -1;
    this.last = -1;
    this.#sharesChanged = true;
  }

  setWeight(index: number, weight: number): void {
    this.weights[index] = weight;
    this.#sharesChanged = true;
  }

  /** The path may, or may no more, carry I/O. */
  setCarries(index: number, carries: boolean, now: number): void {
    const is = carries ? 1 : 0;
    if (this.carries[index] === is) return;
    this.carries[index] = is;
    this.#sharesChanged = true;
    if (carries) this.latency.introduce(index, now);
    else this.latency.forget(index);
  }

  /** There is no such path any more. */
  forget(index: number): void {
    this.#sharesChanged = true;
    this.carries[index] = 0;
    this.inFlight[index] = 0;
    this.bytesInFlight[index] = 0;
    this.turns[index] = 0;
    this.latency.forget(index);
  }

  /** Forgets who has room and makes all orders anew. @param count paths have indexes below this */
  arrange(count: number): void {
    this.size = 1;
    while (this.size < count) this.size *= 2;
    this.readyCount = 0;
    this.hasRoom.fill(0);
    this.#makeRankings();
    if (this.#sharesChanged) this.#restartShares();
    this.#shareActive();
  }

  #shareActive(): void {
    if (this.#selector.keepsToOne) {
      this.#activePath.publish(this.carries);
      this.#isPublished = true;
    } else if (this.#isPublished) {
      this.#activePath.publish(nothing);
      this.#isPublished = false;
    }
    this.#followActive();
  }

  #followActive(): void {
    this.#seen = this.#activePath.index;
    if (this.#selector.keepsToOne && this.#seen !== -1 && this.carries[this.#seen] === 1) this.active = this.#seen;
    else if (this.active === -1 || this.carries[this.active] === 0) this.active = this.carries.indexOf(1);
  }

  /** `failover-only` goes to this path, on all reactors, if all could use it. */
  use(index: number): void {
    this.#activePath.use(index);
    this.#followActive();
  }

  // --- The data path ------------------------------------------------------------------------------------------------

  /** Where one path is kept to: follows the other reactors if they went to another one. */
  agree(): void {
    if (this.#activePath.index === this.#seen) return;
    this.#activePath.settle();
    this.#followActive();
  }

  /** A command was given to the path. `load` follows. */
  sent(index: number, now: number): void {
    if (this.inFlight[index] === 0) this.latency.began(index, now);
    this.run = index === this.last ? this.run + 1 : 1;
    this.last = index;
    this.#turn += 1;
    this.turns[index] = this.#turn;
    const due = this.dues[index]!;
    if (due > this.#due) this.#due = due;
    this.dues[index] = due + 1 / this.weights[index]!;
  }

  /** What is under way on the path now, and whether it takes more. */
  load(index: number, inFlight: number, bytesInFlight: number, hasRoom: boolean): void {
    this.inFlight[index] = inFlight;
    this.bytesInFlight[index] = bytesInFlight;
    if (this.carries[index] === 0) return;
    if (hasRoom !== (this.hasRoom[index] === 1)) {
      if (hasRoom) this.#enter(index);
      else this.#leave(index);
    }
    const { key } = this.#selector;
    if (key !== null && hasRoom) this.rankings[this.#groups[index]!]!.set(index, key(this, index));
  }

  /** The path has no room although that was not known. */
  full(index: number): void {
    assert(this.hasRoom[index] === 1, 'a selector named a path that was known to have no room');
    this.#leave(index);
  }

  #enter(index: number): void {
    this.hasRoom[index] = 1;
    this.#places[index] = this.readyCount;
    this.ready[this.readyCount] = index;
    this.readyCount += 1;
    if (this.dues[index]! < this.#due) this.dues[index] = this.#due;
  }

  #leave(index: number): void {
    this.hasRoom[index] = 0;
    this.readyCount -= 1;
    const moved = this.ready[this.readyCount]!;
    const place = this.#places[index]!;
    this.ready[place] = moved;
    this.#places[moved] = place;
    if (this.#selector.key !== null) this.rankings[this.#groups[index]!]!.set(index, Number.POSITIVE_INFINITY);
  }

  /** The first command of each path is due within its first share; which part of it differs, so that turns mix. */
  #restartShares(): void {
    const count = this.carries.reduce((sum, carries) => sum + carries, 0);
    let place = 0;
    for (let index = 0; index < this.size; index += 1) {
      if (this.carries[index] === 0) continue;
      this.dues[index] = (place + 0.5) / count / this.weights[index]!;
      place += 1;
    }
    this.#due = 0;
    this.#sharesChanged = false;
  }

  #makeRankings(): void {
    const weights = this.#selector.tellsThroughputs ? [...this.weights].filter((_, index) => this.carries[index]) : [];
    this.groupWeights = weights.length > 0 ? throughputGroups(weights) : [1];
    for (let index = 0; index < this.size; index += 1) {
      this.#groups[index] = groupOf(this.groupWeights, this.weights[index]!);
    }
    while (this.rankings.length < this.groupWeights.length) this.rankings.push(new Ranking(this.turns));
    for (const ranking of this.rankings) ranking.clear(this.size);
  }
}

/**
 * The paths of a device and the choice among them. Everything a selector looks at is kept ready on a board; a choice looks
 * at a few places of it, as many for one path as for 64. Events (a path comes, goes, changes; another selector) set it up
 * anew.
 *
 * Room is the one thing that changes without a word: paths of several volumes share the slots of one queue. So a choice
 * asks the path itself. One that turns out to be full leaves the board and comes back when one of its commands ends, or
 * when the path says that it has room (`NativePath.waiter`), which it does for each that was refused.
 */
import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { op } from '../block/request.ts';
import { type NativePath, type Part, verdict } from '../fabric/contract.ts';
import type { Io } from '../io/contract.ts';
import type { ComebackOptions } from './comebacks.ts';
import { Member } from './member.ts';
import { maxWeight, type SelectorName, selectors } from './selector.ts';
import { ActivePath } from './selectors/active-path.ts';
import { Board } from './selectors/board.ts';
import { type DeviceStatistics, maxPaths, pathCounter } from './statistics.ts';

export interface SelectorOptions {
  readonly selector?: SelectorName;
  /** By index of the path: its share under `weighted`, its throughput under `service-time`. Whole, 1 to `maxWeight`; 1. */
  readonly weights?: readonly number[];
  /** `round-robin`: how many commands in a row a path takes at least. 1. */
  readonly minimumRun?: number;
  /** How long the past counts in the smoothed latency of a path, milliseconds. 250. */
  readonly latencyMemory?: number;
  /** `failover-only`: shared by all reactors of this device; made anew where there is one reactor only. */
  readonly activePath?: ActivePath;
}

/** With it a path that is twenty times slower than its siblings is given a command a few times a second. */
export const defaultLatencyMemory = 250;

export class PathSet {
  /** By index; all reactors of a device agree on the indexes. */
  readonly members: (Member | undefined)[] = [];
  readonly #byPath = new Map<NativePath, Member>();
  readonly #io: Pick<Io, 'clock' | 'random'>;
  readonly #statistics: DeviceStatistics;
  readonly #board: Board;
  #comebacks: ComebackOptions;
  #name: SelectorName;

  /** @throws CausewayError `invalid-argument` */
  constructor(
    io: Pick<Io, 'clock' | 'random'>,
    options: SelectorOptions & ComebackOptions,
    statistics: DeviceStatistics,
  ) {
    const { selector = 'queue-depth', weights = [], minimumRun = 1, latencyMemory = defaultLatencyMemory } = options;
    this.#io = io;
    this.#statistics = statistics;
    this.#comebacks = options;
    this.#name = selector;
    this.#board = new Board(selectors[selector], minimumRun, latencyMemory, options.activePath ?? new ActivePath());
    for (const [index, weight] of weights.entries()) this.setWeight(index, weight);
  }

  // --- Events -------------------------------------------------------------------------------------------------------

  get selector(): SelectorName {
    return this.#name;
  }

  /** At any time. What is under way stays where it is; the next command goes where the new selector says. */
  set selector(name: SelectorName) {
    this.#name = name;
    this.#board.selector = selectors[name];
    this.rebuild();
  }

  /** At any time: another way to choose, and other rules for paths that come back. */
  setPolicy(
    policy: Required<Pick<SelectorOptions, 'selector' | 'minimumRun' | 'latencyMemory'>> & ComebackOptions,
  ): void {
    this.#board.minimumRun = policy.minimumRun;
    this.#board.latency.memory = policy.latencyMemory;
    this.#comebacks = policy;
    for (const member of this.members) if (member !== undefined) member.comebacks.options = policy;
    // It would forget whose turn it is.
    if (policy.selector !== this.#name) this.selector = policy.selector;
  }

  /** A read may be sent a second time over another path. */
  get mayHedge(): boolean {
    return selectors[this.#name].mayHedge;
  }

  /**
   * The index of the path with the fewest commands under way that a selector could name, of another controller than this
   * path's; -1 if there is none with room. Looks at all of them: for what is rare.
   */
  other(than: number): number {
    const { controller } = this.member(than).path;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const member of this.members) {
      if (member === undefined || this.#board.carries[member.index] === 0) continue;
      const { path } = member;
      if (path.controller === controller || !path.hasRoom || path.inFlight >= least) continue;
      best = member.index;
      least = path.inFlight;
    }
    return best;
  }

  /** At any time, whether the path is there yet or not. @throws CausewayError `invalid-argument` */
  setWeight(index: number, weight: number): void {
    if (index >= maxPaths) throw new CausewayError('invalid-argument', `there are no more than ${maxPaths} paths`);
    check('the weight of a path', weight, maxWeight);
    if (this.#board.weights[index] === weight) return;
    this.#board.setWeight(index, weight);
    this.rebuild();
  }

  /** `failover-only` goes to this path, on all reactors, if it carries I/O on all of them. */
  use(index: number): void {
    this.#board.use(index);
  }

  /** The caller calls `rebuild` when all is known of the path. */
  add(index: number, path: NativePath): Member {
    assert(index >= 0 && index < maxPaths && this.members[index] === undefined, 'a path index is used twice');
    const member = new Member(index, path, this.#statistics, this.#comebacks);
    this.members[index] = member;
    this.#byPath.set(path, member);
    return member;
  }

  drop(index: number): void {
    this.#byPath.delete(this.member(index).path);
    this.members[index] = undefined;
    this.#board.forget(index);
    this.rebuild();
  }

  member(index: number): Member {
    const member = this.members[index];
    assert(member !== undefined, 'no path of this index');
    return member;
  }

  /** Some path carries I/O. */
  get alive(): boolean {
    return this.#board.active !== -1;
  }

  /** Optimized paths before non-optimized ones before none. */
  rebuild(): void {
    const now = this.#io.clock.now();
    let best = 0;
    for (const member of this.members) {
      const rank = member === undefined ? 0 : member.rank;
      if (rank !== 0 && (best === 0 || rank < best)) best = rank;
    }
    for (const member of this.members) {
      if (member !== undefined) this.#board.setCarries(member.index, best !== 0 && member.rank === best, now);
    }
    this.#board.arrange(this.members.length);
    for (const member of this.members) if (member !== undefined) this.#look(member);
  }

  // --- The data path ------------------------------------------------------------------------------------------------

  /**
   * The index of the path for a command of so many bytes; -1 when none lives or none has room. Nothing is changed by
   * asking: the choice counts once `sent` was called.
   */
  choose(bytes: number): number {
    const board = this.#board;
    const { selector } = board;
    const now = this.#io.clock.now();
    if (selector.keepsToOne) board.agree();
    const chance = selector.usesChance ? this.#io.random.nextUint32() : 0;
    // Each round but the last takes a path off the board, which costs that path an event to come back.
    for (;;) {
      const index = selector.choose(board, bytes, now, chance);
      if (index === -1 || this.members[index]!.path.hasRoom) return index;
      board.full(index);
    }
  }

  /** A command was submitted to the path. */
  sent(index: number): void {
    this.#board.sent(index, this.#io.clock.now());
    this.#look(this.member(index));
  }

  /** A part came back from its path, `took` milliseconds after it was sent. */
  answered(part: Part, took: number): void {
    const index = part.pathIndex;
    const { latency } = this.#board;
    // Only what was done says how long doing it takes: errors are quick, flushes and discards slow for their own reasons.
    const tells = part.verdict === verdict.ok && (part.op === op.read || part.op === op.write);
    latency.heard(index, tells ? took : -1, this.#io.clock.now());
    const member = this.member(index);
    this.#statistics.set(member.base + pathCounter.latencyNow, Math.max(latency.values[index]!, 0));
    this.#look(member);
  }

  /** A path that had no room has some now. */
  hasRoomAgain(path: NativePath): void {
    const member = this.#byPath.get(path);
    if (member !== undefined) this.#look(member);
  }

  #look(member: Member): void {
    const { path } = member;
    this.#board.load(member.index, path.inFlight, path.bytesInFlight, path.hasRoom);
  }
}

function check(what: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new CausewayError('invalid-argument', `${what} is ${value}; it is a whole number from 1 to ${most}`);
}

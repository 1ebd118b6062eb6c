/** Paths of numbers, and a set of them whose time and chance the test holds in its hand. */
import assert from 'node:assert/strict';
import { op } from '../../block/request.ts';
import { status } from '../../block/status.ts';
import { Random } from '../../base/random.ts';
import { type NativePath, Part, type PathLimits, verdict } from '../../fabric/contract.ts';
import type { Access } from '../state.ts';
import { PathSet, type SelectorOptions } from '../path-set.ts';
import { DeviceStatistics } from '../statistics.ts';

/** Of paths that take any part as it is. */
export const limits: PathLimits = {
  readBytes: 1 << 20,
  writeBytes: 1 << 20,
  writeZeroesBytes: 1 << 20,
  discardBytes: 1 << 20,
  boundaryBytes: 0,
  canWriteZeroes: true,
  canDiscard: true,
};

export class RigPath implements NativePath {
  readonly id: string;
  readonly controller: number;
  readonly epoch = 1;
  readonly limits = limits;
  open = true;
  /** Command slots of its queue, and how many of them others (other volumes) hold. */
  slots: number;
  taken = 0;
  readonly parts: Part[] = [];
  bytesInFlight = 0;
  waiter: NativePath['waiter'] = null;

  constructor(index: number, slots: number) {
    this.id = `path-${index}`;
    this.controller = index;
    this.slots = slots;
  }

  get inFlight(): number {
    return this.parts.length;
  }

  get hasRoom(): boolean {
    return this.open && this.parts.length + this.taken < this.slots;
  }

  submit(part: Part): void {
    assert.ok(this.hasRoom, `${this.id} was chosen without room`);
    this.parts.push(part);
    this.bytesInFlight += part.length;
  }

  detach(): boolean {
    return true;
  }
}

/** Random bits of a seed, unless the test says which. */
class RigRandom extends Random {
  readonly #given: () => number | null;

  constructor(seed: number, given: () => number | null) {
    super(seed);
    this.#given = given;
  }

  override nextUint32(): number {
    // The generator draws while it is being made, when nothing is given yet.
    return (#given in this ? this.#given() : null) ?? super.nextUint32();
  }
}

export class PathRig {
  now = 1000;
  /** Random bits for the next choices; drawn from a seed when null. */
  chance: number | null = null;
  readonly paths: RigPath[];
  readonly set: PathSet;
  readonly statistics = new DeviceStatistics();
  readonly #weights: Map<number, number>;

  constructor(count: number, options: SelectorOptions, slots = 128, seed = 1) {
    const io = { clock: { now: () => this.now }, random: new RigRandom(seed, () => this.chance) };
    this.#weights = new Map(options.weights?.entries());
    this.set = new PathSet(io, options, this.statistics);
    this.paths = Array.from({ length: count }, (_unused, index) => new RigPath(index, slots));
    for (const [index, path] of this.paths.entries()) {
      this.set.add(index, path).refresh(0);
      this.set.rebuild();
    }
  }

  path(index: number): RigPath {
    const path = this.paths[index];
    assert.ok(path, `there is a path ${index}`);
    return path;
  }

  /** Chooses a path for a read of so many bytes and sends it; -1 when it has to wait. */
  send(bytes = 4096): number {
    const index = this.set.choose(bytes);
    if (index !== -1) this.sendOn(index, bytes);
    return index;
  }

  sendOn(index: number, bytes = 4096): void {
    const part = new Part(0);
    part.op = op.read;
    part.length = bytes;
    part.pathIndex = index;
    part.startedAt = this.now;
    this.path(index).submit(part);
    this.set.sent(index);
  }

  /** The oldest command of the path ends; true if there was one. */
  answer(index: number, bits: number = verdict.ok): boolean {
    const path = this.path(index);
    const part = path.parts.shift();
    if (part === undefined) return false;
    path.bytesInFlight -= part.length;
    part.verdict = bits;
    part.status = bits === verdict.ok ? status.ok : status.ioError;
    this.set.answered(part, this.now - part.startedAt);
    return true;
  }

  answerAll(index: number): void {
    while (this.answer(index));
  }

  /** Others take so many slots of the path's queue, without a word; when there is room after none, the path says so. */
  taken(index: number, slots: number): void {
    const path = this.path(index);
    const before = path.hasRoom;
    path.taken = slots;
    if (!before && path.hasRoom) this.set.hasRoomAgain(path);
  }

  weight(index: number): number {
    return this.#weights.get(index) ?? 1;
  }

  setWeight(index: number, weight: number): void {
    this.#weights.set(index, weight);
    this.set.setWeight(index, weight);
  }

  disable(index: number, disabled: boolean): void {
    const member = this.set.member(index);
    member.disabled = disabled;
    member.refresh(0);
    this.set.rebuild();
  }

  access(index: number, access: Access): void {
    const member = this.set.member(index);
    member.access = access;
    member.refresh(0);
    this.set.rebuild();
  }

  /** Indexes of the paths that may carry I/O: those of the best rank. */
  get carrying(): number[] {
    const ranks = this.paths.map((_path, index) => this.set.member(index).rank);
    const best = Math.min(...ranks.filter((rank) => rank !== 0));
    return ranks.flatMap((rank, index) => (rank === best ? [index] : []));
  }

  /** Those of them that have room. */
  get ready(): number[] {
    return this.carrying.filter((index) => this.path(index).hasRoom);
  }

  /** Sends `commands`, each answered at once; how many each path took. */
  share(commands: number, bytes = 4096): number[] {
    const counts = this.paths.map(() => 0);
    for (let i = 0; i < commands; i += 1) {
      const index = this.send(bytes);
      assert.notEqual(index, -1, 'a path with room takes a command');
      counts[index] = (counts[index] ?? 0) + 1;
      this.answer(index);
    }
    return counts;
  }
}

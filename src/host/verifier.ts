/**
 * A load on the reactor itself that knows what it wrote: random reads, writes, write-zeroes, discards and flushes, each
 * read held against what the last write of each block left. For burning a way to an array in, and for tests.
 */
import { assert } from '../base/assert.ts';
import { Random } from '../base/random.ts';
import type { BlockDevice } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { type Completer, op, type Op, opName, Request, requestFlag } from '../block/request.ts';
import { status, statusName } from '../block/status.ts';
import type { Io } from '../io/contract.ts';
import { BlockHistory } from './block-history.ts';

export interface VerifierPlan {
  readonly seed: number;
  readonly depth: number;
  readonly milliseconds: number;
  /** The stretch of the device, in its blocks; nobody else may write there. */
  readonly first: number;
  readonly blocks: number;
  /** Blocks of one request: at least and at most. */
  readonly smallest: number;
  readonly largest: number;
  /** How often each operation is chosen, relative to the others; 0 when left out. */
  readonly weights: {
    readonly read: number;
    readonly write: number;
    readonly flush?: number;
    readonly discard?: number;
    readonly writeZeroes?: number;
  };
}

export interface VerifierResult {
  /** Requests that succeeded, by operation. */
  readonly done: Readonly<Record<string, number>>;
  /** Requests that failed, by status. */
  readonly failed: Readonly<Record<string, number>>;
  /** Blocks that held something they may not hold. */
  readonly wrong: number;
  readonly firstWrong: string;
  readonly milliseconds: number;
}

/** Every so many writes one carries FUA. */
const fuaEvery = 16;
/** With at least this many times the blocks that may be under way, a free place is found soon. */
const room = 4;

class Verifier implements Completer {
  readonly history: BlockHistory;
  readonly done = [0, 0, 0, 0, 0];
  readonly failed = statusName.map(() => 0);
  readonly #device: BlockDevice;
  readonly #plan: VerifierPlan;
  readonly #memory: number;
  readonly #io: Io;
  readonly #random: Random;
  readonly #operations: Op[] = [];
  readonly #requests: Request[] = [];
  /** Of each request: where it works, how many blocks, and which write it is. */
  readonly #places: Int32Array;
  readonly #lengths: Int32Array;
  readonly #generations: Uint32Array;
  readonly #onEnd: () => void;
  #left: number;
  #stopping = false;

  constructor(io: Io, device: BlockDevice, plan: VerifierPlan, onEnd: () => void) {
    const { blockBytes, maxTransferBytes } = device.geometry;
    assert(plan.smallest >= 1 && plan.largest >= plan.smallest, 'a request has at least one block');
    assert(plan.largest * blockBytes <= maxTransferBytes, 'requests are larger than the device takes');
    assert(plan.blocks >= room * plan.depth * plan.largest, 'the stretch is too small for so many requests at once');
    this.#io = io;
    this.#device = device;
    this.#plan = plan;
    this.#onEnd = onEnd;
    this.#random = new Random(plan.seed);
    this.history = new BlockHistory(plan.seed, blockBytes, plan.first, plan.blocks);
    const { read, write, flush = 0, discard = 0, writeZeroes = 0 } = plan.weights;
    const weights: readonly (readonly [Op, number])[] = [
      [op.read, read],
      [op.write, write],
      [op.flush, flush],
      [op.discard, discard],
      [op.writeZeroes, writeZeroes],
    ];
    for (const [operation, weight] of weights) {
      for (let i = 0; i < weight; i += 1) this.#operations.push(operation);
    }
    this.#memory = io.memory.allocate(plan.depth * plan.largest * blockBytes, 4096);
    for (let tag = 0; tag < plan.depth; tag += 1) this.#requests.push(new Request(io, tag));
    this.#places = new Int32Array(plan.depth);
    this.#lengths = new Int32Array(plan.depth);
    this.#generations = new Uint32Array(plan.depth);
    this.#left = plan.depth;
  }

  /** Each kind of operation that is wanted was done, or something failed. */
  get triedAll(): boolean {
    return this.failed.some((count) => count > 0) || this.#operations.every((operation) => this.done[operation]! > 0);
  }

  start(): void {
    for (const request of this.#requests) this.#submit(request);
  }

  stop(): void {
    this.#stopping = true;
  }

  release(): void {
    this.#io.memory.free(this.#memory);
  }

  #submit(request: Request): void {
    const random = this.#random;
    const { smallest, largest } = this.#plan;
    const { history } = this;
    const { tag } = request;
    const operation = this.#operations[random.below(this.#operations.length)]!;
    if (operation === op.flush) {
      this.#lengths[tag] = 0;
      request.begin(op.flush, 0, 0, 0, 0, this);
      submitChecked(this.#device, request);
      return;
    }
    const length = smallest + random.below(largest - smallest + 1);
    let at = random.below(history.count - length + 1);
    while (!history.take(at, length)) at = random.below(history.count - length + 1);
    this.#places[tag] = at;
    this.#lengths[tag] = length;
    const { blockBytes } = history;
    const place = this.#memory + tag * largest * blockBytes;
    let flags = 0;
    if (operation === op.write) {
      this.#generations[tag] = history.fill(this.#io.memory.u32, place / 4, at, length);
      if (random.below(fuaEvery) === 0) flags = requestFlag.fua;
    } else if (operation === op.read) {
      // What the last request left there must not pass for what is read.
      this.#io.memory.fill(place, 0xa5, length * blockBytes);
    }
    const buffer = operation === op.read || operation === op.write ? place : 0;
    request.begin(operation, (history.first + at) * blockBytes, length * blockBytes, buffer, flags, this);
    submitChecked(this.#device, request);
  }

  onRequest(request: Request): void {
    const at = this.#places[request.tag]!;
    const length = this.#lengths[request.tag]!;
    this.#note(request, at, length);
    this.history.give(at, length);
    if (!this.#stopping) {
      this.#submit(request);
      return;
    }
    this.#left -= 1;
    if (this.#left === 0) this.#onEnd();
  }

  #note(request: Request, at: number, length: number): void {
    const { history } = this;
    if (request.status !== status.ok) {
      this.failed[request.status] = this.failed[request.status]! + 1;
      if (request.op !== op.read && request.op !== op.flush) history.doubted(at, length);
      return;
    }
    this.done[request.op] = this.done[request.op]! + 1;
    switch (request.op) {
      case op.read:
        history.check(this.#io.memory.u32, request.buffer / 4, at, length);
        return;
      case op.write:
        history.written(at, length, this.#generations[request.tag]!);
        return;
      case op.discard:
        history.discarded(at, length);
        return;
      case op.writeZeroes:
        history.zeroed(at, length);
        return;
      default:
    }
  }
}

/** How long the load goes on beyond its time, in steps, until each kind of operation had its turn. Milliseconds. */
const extension = 50;
const longestExtension = 20_000;

/** Runs it. Resolves when the last request came back. */
export async function runVerifier(io: Io, device: BlockDevice, plan: VerifierPlan): Promise<VerifierResult> {
  const ended = io.deferred<void>();
  const verifier = new Verifier(io, device, plan, () => ended.resolve());
  const latest = io.clock.now() + plan.milliseconds + longestExtension;
  const timer = io.timer(() => {
    // On a slow machine the time may be over before each kind of operation had its turn: a little longer then.
    if (verifier.triedAll || io.clock.now() >= latest) verifier.stop();
    else timer.arm(extension);
  });
  const before = io.clock.now();
  timer.arm(plan.milliseconds);
  verifier.start();
  await ended.promise;
  timer.disarm();
  verifier.release();
  return {
    done: byName(opName, verifier.done),
    failed: byName(statusName, verifier.failed),
    wrong: verifier.history.wrong,
    firstWrong: verifier.history.firstWrong,
    milliseconds: io.clock.now() - before,
  };
}

/** Without those that are zero. */
function byName(names: readonly string[], counts: readonly number[]): Record<string, number> {
  return Object.fromEntries(names.flatMap((name, index) => (counts[index] === 0 ? [] : [[name, counts[index] ?? 0]])));
}

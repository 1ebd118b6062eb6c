/**
 * The load on one reactor: requests of all kinds, in bursts, over few blocks, so that they overlap. Every block that is
 * written says which block it is and which write it comes from. A buffer is overwritten as soon as its request has ended:
 * whoever still sends from it, or receives into it, is found out.
 */
import type { Random } from '../src/base/random.ts';
import { submitChecked } from '../src/block/door.ts';
import { type Completer, type Op, op, opName, Request, requestFlag } from '../src/block/request.ts';
import { type Status, status, statusName } from '../src/block/status.ts';
import { changesData } from '../src/multipath/retry.ts';
import { foundText, generationIn, putBlock } from '../src/host/block-pattern.ts';
import type { Checker } from './checker.ts';
import { Finding } from './finding.ts';
import type { Issued } from './issued.ts';
import type { Scenario } from './scenario.ts';
import type { SimReactor } from './sim-host.ts';
import type { Story } from './story.ts';

function plain({ op: operation, flags, block, count, value, issuedAt, startedAt }: Issued): Issued {
  return { op: operation, flags, block, count, value, issuedAt, startedAt };
}

/** What no write of ours looks like. */
const scribble = 0xa7;

/** What all loads of a run share. */
export interface LoadContext {
  readonly scenario: Scenario;
  readonly checker: Checker;
  readonly story: Story;
  readonly random: Random;
  /** The number of the last write. */
  lastValue: number;
  /** Statuses that requests may end with. */
  readonly excused: Set<Status>;
  /** Requests by operation, and those that failed by status. */
  readonly requests: Float64Array;
  readonly failures: Float64Array;
  /** Milliseconds of virtual time, which no reactor's clock has to show. */
  now(): number;
}

class Slot implements Issued {
  readonly request: Request;
  readonly buffer: number;
  /** 0 when idle. */
  issuedAt = 0;
  startedAt = 0;
  block = 0;
  count = 0;
  value = 0;

  get op(): Op {
    return this.request.op;
  }

  get flags(): number {
    return this.request.flags;
  }

  constructor(request: Request, buffer: number) {
    this.request = request;
    this.buffer = buffer;
  }
}

export class Load implements Completer {
  readonly slots: Slot[] = [];
  readonly #reactor: SimReactor;
  readonly #context: LoadContext;
  readonly #idle: Slot[] = [];
  /** What was handed out to an earlier life of the host, and goes before everything new. */
  readonly #again: Issued[] = [];
  readonly #slotBytes: number;
  #wanted = 0;

  constructor(reactor: SimReactor, context: LoadContext) {
    this.#reactor = reactor;
    this.#context = context;
    const { depth, largest, blockBytes } = context.scenario.load;
    this.#slotBytes = largest * blockBytes;
    for (let tag = 0; tag < depth; tag += 1) {
      const buffer = reactor.io.memory.allocate(this.#slotBytes, 4096);
      this.slots.push(new Slot(new Request(reactor.io, tag), buffer));
    }
    this.#idle.push(...this.slots);
  }

  /** As many as the device has now, on this reactor. */
  get blocks(): number {
    return this.#reactor.device.geometry.sizeBytes / this.#context.scenario.load.blockBytes;
  }

  get busy(): boolean {
    return this.#idle.length < this.slots.length || this.#again.length > 0;
  }

  /** All that has no answer yet. */
  *open(): Iterable<Issued> {
    for (const slot of this.slots) if (slot.issuedAt > 0) yield slot;
    yield* this.#again;
  }

  /** The number of the oldest read that has no answer yet; Infinity if there is none. */
  get oldestRead(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { issuedAt } of this.slots) if (issuedAt > 0 && issuedAt < oldest) oldest = issuedAt;
    for (const { issuedAt } of this.#again) oldest = Math.min(oldest, issuedAt);
    return oldest;
  }

  /** An earlier life of the host had this request and did not answer it: the kernel hands it out again. */
  handOut(request: Issued): void {
    // Its answer is due from now on.
    this.#again.push({ ...plain(request), startedAt: this.#context.now() });
    this.#reactor.io.later(this);
  }

  /** Gives its memory back. Nothing is under way. */
  release(): void {
    for (const { buffer } of this.slots) this.#reactor.io.memory.free(buffer);
  }

  /** So many more requests, as fast as slots allow. They begin on the reactor's own time: not while it stands still. */
  burst(requests: number): void {
    this.#wanted = Math.min(this.#wanted + requests, 4 * requests);
    this.#reactor.io.later(this);
  }

  /** No more than what is under way. */
  stop(): void {
    this.#wanted = 0;
  }

  run(): void {
    while (this.#again.length > 0 && this.#idle.length > 0) this.#beginAgain(this.#again.shift()!);
    while (this.#wanted > 0 && this.#idle.length > 0) {
      this.#wanted -= 1;
      this.#draw();
    }
  }

  /** Reads these blocks; only when a slot is idle. */
  readBack(block: number, count: number): void {
    this.#begin(op.read, block, count, 0);
  }

  flush(): void {
    this.#begin(op.flush, 0, 0, 0);
  }

  #draw(): void {
    const { random, scenario } = this.#context;
    const { largest, hot, reads, flushes, discards, zeroes } = scenario.load;
    const { blocks } = this;
    const count = 1 + random.below(largest);
    const first = random.below(2) === 0 ? random.below(hot) : random.below(blocks);
    const block = Math.min(first, blocks - count);
    let drawn = random.below(100);
    if (drawn < reads) return this.#begin(op.read, block, count, 0);
    drawn -= reads;
    if (drawn < flushes || this.#context.checker.isCrowded(block, count)) return this.#begin(op.flush, 0, 0, 0);
    drawn -= flushes;
    if (drawn < discards) return this.#begin(op.discard, block, count, 0);
    drawn -= discards;
    if (drawn < zeroes) {
      return this.#begin(op.writeZeroes, block, count, random.below(4) === 0 ? requestFlag.keepAllocated : 0);
    }
    return this.#begin(op.write, block, count, random.below(8) === 0 ? requestFlag.fua : 0);
  }

  #begin(operation: Op, block: number, count: number, flags: number): void {
    const context = this.#context;
    const { checker, requests } = context;
    if (operation === op.write) context.lastValue += 1;
    const value = operation === op.write ? context.lastValue : 0;
    const issuedAt = checker.tick();
    if (changesData(operation)) checker.issue(issuedAt, block, count, value, operation === op.discard);
    requests[operation] = requests[operation]! + 1;
    this.#submit({ op: operation, flags, block, count, value, issuedAt, startedAt: context.now() });
  }

  /**
   * The request is the same, with the same payload; it was under way all the time. Not so a flush: another one may have
   * told of a loss meanwhile, so it counts as issued only now.
   */
  #beginAgain(request: Issued): void {
    const { checker } = this.#context;
    this.#submit(request.op === op.flush ? { ...request, issuedAt: checker.tick() } : request);
  }

  #submit({ op: operation, flags, block, count, value, issuedAt, startedAt }: Issued): void {
    const { blockBytes } = this.#context.scenario.load;
    const slot = this.#idle.pop()!;
    if (operation === op.write) this.#fill(slot, block, count, value);
    if (operation === op.read) this.#reactor.io.memory.fill(slot.buffer, scribble, count * blockBytes);
    slot.issuedAt = issuedAt;
    slot.startedAt = startedAt;
    slot.block = block;
    slot.count = count;
    slot.value = value;
    this.#context.story.issued(this.#reactor.index, slot.request.tag, operation, block, count, value);
    slot.request.begin(operation, block * blockBytes, count * blockBytes, slot.buffer, flags, this);
    submitChecked(this.#reactor.device, slot.request);
  }

  #fill(slot: Slot, block: number, count: number, value: number): void {
    const { seed, load } = this.#context.scenario;
    const { u32 } = this.#reactor.io.memory;
    for (let each = 0; each < count; each += 1) {
      putBlock(u32, (slot.buffer + each * load.blockBytes) / 4, load.blockBytes, seed, block + each, value);
    }
  }

  onRequest(request: Request): void {
    const { story } = this.#context;
    const slot = this.slots[request.tag]!;
    const { block, count } = slot;
    story.ended(this.#reactor.index, request.tag, request.op, block, count, request.status);
    if (request.status === status.ok) this.#succeeded(slot, request);
    else this.#failed(slot, request);
    slot.issuedAt = 0;
    this.#reactor.io.memory.fill(slot.buffer, scribble, count * this.#context.scenario.load.blockBytes);
    this.#idle.push(slot);
    if (this.#wanted > 0 || this.#again.length > 0) this.#reactor.io.later(this);
  }

  #succeeded(slot: Slot, request: Request): void {
    const { checker } = this.#context;
    switch (request.op) {
      case op.read:
        for (let each = 0; each < slot.count; each += 1) this.#check(slot, each);
        return;
      case op.flush:
        checker.flushed(slot.issuedAt, true);
        return;
      default:
        checker.acknowledge(slot.issuedAt, slot.block, slot.count, (request.flags & requestFlag.fua) !== 0);
    }
  }

  #failed(slot: Slot, request: Request): void {
    const { checker, excused, failures, scenario } = this.#context;
    failures[request.status] = failures[request.status]! + 1;
    const cached = scenario.array.volatileCache && !scenario.host.sharedCache;
    // An application that gets errors does not go on at full speed.
    this.#wanted = 0;
    const mayFail = excused.has(request.status) || (request.op === op.flush && cached);
    if (!mayFail) {
      const where = `${opName[request.op]} of ${slot.count} from block ${slot.block}`;
      const text = `${where} ended with ${statusName[request.status]}, and nothing accounts for that`;
      throw new Finding('error', text, request.op === op.flush ? -1 : slot.block);
    }
    if (request.op === op.flush) checker.flushed(slot.issuedAt, false);
    else if (request.op !== op.read) checker.fail(slot.issuedAt, slot.block, slot.count);
  }

  #check(slot: Slot, each: number): void {
    const { checker, scenario } = this.#context;
    const { blockBytes } = scenario.load;
    const block = slot.block + each;
    const word = (slot.buffer + each * blockBytes) / 4;
    const found = generationIn(this.#reactor.io.memory.u32, word, blockBytes, scenario.seed, block);
    if (found >= 0 && checker.read(slot.issuedAt, block, found)) return;
    const who = `reactor ${this.#reactor.index} slot ${slot.request.tag}`;
    throw new Finding(
      'wrong-read',
      `a read (${who}) shows ${foundText(found)} in block ${block}; possible are: ${checker.possible(block)}`,
      block,
    );
  }
}

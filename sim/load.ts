/**
 * The load on one reactor: requests of all kinds, in bursts, over few blocks, so that they overlap. Every block that is
 * written says which block it is and which write it comes from. A buffer is overwritten as soon as its request has ended:
 * whoever still sends from it, or receives into it, is found out.
 */
import type { Random } from '../src/base/random.ts';
import { submitChecked } from '../src/block/door.ts';
import { type Completer, type Op, op, opName, Request, requestFlag } from '../src/block/request.ts';
import { type Status, status, statusName } from '../src/block/status.ts';
import { foundText, generationIn, putBlock } from '../src/host/block-pattern.ts';
import type { Checker } from './checker.ts';
import { Finding } from './finding.ts';
import type { Scenario } from './scenario.ts';
import type { SimReactor } from './sim-host.ts';
import type { Story } from './story.ts';

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
}

export class Slot {
  readonly request: Request;
  readonly buffer: number;
  /** The checker's number of its issue; 0 when idle. */
  issuedAt = 0;
  startedAt = 0;
  block = 0;
  count = 0;

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

  get busy(): boolean {
    return this.#idle.length < this.slots.length;
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
    const { blocks, largest, hot, reads, flushes, discards, zeroes } = scenario.load;
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
    const { checker, story, scenario, requests } = this.#context;
    const { blockBytes } = scenario.load;
    const slot = this.#idle.pop()!;
    const { memory, clock } = this.#reactor.io;
    const value = operation === op.write ? this.#fill(slot, block, count) : 0;
    if (operation === op.read) memory.fill(slot.buffer, scribble, count * blockBytes);
    slot.issuedAt = checker.tick();
    slot.startedAt = clock.now();
    slot.block = block;
    slot.count = count;
    if (operation === op.write || operation === op.discard || operation === op.writeZeroes) {
      checker.issue(slot.issuedAt, block, count, value, operation === op.discard);
    }
    requests[operation] = requests[operation]! + 1;
    story.issued(this.#reactor.index, slot.request.tag, operation, block, count, value);
    slot.request.begin(operation, block * blockBytes, count * blockBytes, slot.buffer, flags, this);
    submitChecked(this.#reactor.device, slot.request);
  }

  #fill(slot: Slot, block: number, count: number): number {
    const { scenario } = this.#context;
    const { blockBytes } = scenario.load;
    this.#context.lastValue += 1;
    const value = this.#context.lastValue;
    const { u32 } = this.#reactor.io.memory;
    for (let each = 0; each < count; each += 1) {
      putBlock(u32, (slot.buffer + each * blockBytes) / 4, blockBytes, scenario.seed, block + each, value);
    }
    return value;
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
    if (this.#wanted > 0) this.#reactor.io.later(this);
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

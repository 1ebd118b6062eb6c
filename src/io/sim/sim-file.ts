/** An open file of a simulated reactor. Operations complete in any order, and take effect when they are reaped. */
import { assert } from '../../base/assert.ts';
import { errno } from '../../native/errno.ts';
import type { File, FileOptions, FileOwner, Timer } from '../contract.ts';
import { LoopDeferred } from '../deferred.ts';
import type { Body, Completion, Opened } from './body.ts';
import type { DiskFile, FileOperation } from './disk.ts';
import { Claim } from './sim-memory.ts';

/** What O_DIRECT wants place, length and position to be multiples of. */
const DIRECT_ALIGNMENT = 512;
/** Milliseconds. Mostly short, now and then long enough to overtake many others. */
const USUAL = { min: 0.01, max: 0.2 } as const;
const LONG = { min: 1, max: 10 } as const;
const LONG_ODDS = 100;

class Operation implements Completion {
  readonly claim = new Claim();
  readonly timer: Timer;
  readonly #file: SimFile;
  kind: FileOperation = 'read';
  token = 0;
  place = 0;
  length = 0;
  position = 0;
  punch = false;

  constructor(file: SimFile, body: Body) {
    this.#file = file;
    this.timer = body.core.events.make(() => body.complete(this));
  }

  reap(): void {
    this.#file.finish(this);
  }
}

export class SimFile implements File, Opened {
  readonly #body: Body;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #owner: FileOwner;
  readonly #readOnly: boolean;
  readonly #direct: boolean;
  readonly #idle: Operation[] = [];
  readonly #underWay = new Set<Operation>();

  constructor(body: Body, path: string, file: DiskFile, owner: FileOwner, options: FileOptions) {
    this.#body = body;
    this.#path = path;
    this.#file = file;
    this.#owner = owner;
    this.#readOnly = options.readOnly === true;
    this.#direct = options.direct === true;
    body.opened.add(this);
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  read(token: number, place: number, length: number, position: number): void {
    const operation = this.#begin('read', token, length, position);
    operation.place = place;
    this.#body.memory.claim(operation.claim, 'file read', place, length, true);
  }

  write(token: number, place: number, length: number, position: number): void {
    const operation = this.#begin('write', token, length, position);
    operation.place = place;
    this.#body.memory.claim(operation.claim, 'file write', place, length, false);
  }

  sync(token: number): void {
    this.#begin('sync', token, 0, 0);
  }

  zero(token: number, position: number, length: number, punch: boolean): void {
    this.#begin('zero', token, length, position).punch = punch;
  }

  close(): Promise<void> {
    assert(this.#underWay.size === 0, 'a file is closed while something is under way');
    this.#body.opened.delete(this);
    const closed = new LoopDeferred<void>(this.#body.core.onSettled);
    this.#body.complete({ reap: () => closed.resolve() });
    return closed.promise;
  }

  #begin(kind: FileOperation, token: number, length: number, position: number): Operation {
    assert(Number.isInteger(token) && token >= 0 && token < 2 ** 24, 'a token is from 0 to 2^24 - 1');
    assert(Number.isSafeInteger(position) && position >= 0, 'a position is a whole number below 2^53');
    assert(Number.isSafeInteger(length) && length >= 0, 'a length is a whole number below 2^53');
    const { core } = this.#body;
    const operation = this.#idle.pop() ?? new Operation(this, this.#body);
    operation.kind = kind;
    operation.token = token;
    operation.length = length;
    operation.position = position;
    this.#underWay.add(operation);
    const { min, max } = core.oneIn(LONG_ODDS) ? LONG : USUAL;
    operation.timer.arm(core.between(min, max));
    return operation;
  }

  /** For `Operation`. */
  finish(operation: Operation): void {
    const result = this.#carryOut(operation);
    this.#body.memory.release(operation.claim);
    this.#underWay.delete(operation);
    this.#idle.push(operation);
    this.#owner.onFile(operation.token, result);
  }

  /** Results and errors as Linux gives them for a regular file. */
  #carryOut({ kind, place, position, length, punch }: Operation): number {
    const file = this.#file;
    const { u8 } = this.#body.memory;
    const fault = file.faultOf(kind, position, length);
    if (fault !== 0) return -fault;
    if (kind === 'sync') return 0;
    if (this.#readOnly && kind !== 'read') return -errno.EBADF;
    if (kind === 'zero') {
      if (length === 0) return -errno.EINVAL;
      const end = Math.min(position + length, file.sizeBytes);
      if (end > position) file.bytes.zero(position, end - position, punch);
      return 0;
    }
    const misaligned = (place | length) % DIRECT_ALIGNMENT !== 0 || position % DIRECT_ALIGNMENT !== 0;
    if (this.#direct && misaligned) return -errno.EINVAL;
    if (kind === 'write') {
      file.bytes.write(u8, place, position, length);
      file.sizeBytes = Math.max(file.sizeBytes, position + length);
      return length;
    }
    const there = Math.max(0, Math.min(length, file.sizeBytes - position));
    file.bytes.read(u8, place, position, there);
    return there;
  }

  describe(): string | null {
    if (this.#underWay.size === 0) return null;
    const kinds = [...this.#underWay].map((operation) => operation.kind);
    return `file ${this.#path}: ${kinds.join(', ')}`;
  }

  die(): void {
    for (const operation of this.#underWay) operation.timer.disarm();
  }
}

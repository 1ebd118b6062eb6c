/**
 * What controllers asked for by R2T and was not sent yet, in the order of arrival. Bounded: a command may have only as
 * many R2Ts outstanding as ICReq allowed. Nothing is allocated after construction.
 */
import { assert } from '../../base/assert.ts';

export class R2tQueue {
  /** Of the first entry. */
  cid = 0;
  ttag = 0;
  /** Next byte of the command's data to send for it, and how many are left. */
  offset = 0;
  left = 0;

  readonly #capacity: number;
  readonly #cids: Uint16Array;
  readonly #ttags: Uint16Array;
  readonly #offsets: Uint32Array;
  readonly #lengths: Uint32Array;
  #head = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#cids = new Uint16Array(capacity);
    this.#ttags = new Uint16Array(capacity);
    this.#offsets = new Uint32Array(capacity);
    this.#lengths = new Uint32Array(capacity);
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  push(cid: number, ttag: number, offset: number, length: number): void {
    assert(this.#count < this.#capacity, 'more R2Ts than commands may have');
    const at = (this.#head + this.#count) % this.#capacity;
    this.#cids[at] = cid;
    this.#ttags[at] = ttag;
    this.#offsets[at] = offset;
    this.#lengths[at] = length;
    this.#count += 1;
    if (this.#count === 1) this.#load();
  }

  /** The first entry is done with. */
  shift(): void {
    this.#head = (this.#head + 1) % this.#capacity;
    this.#count -= 1;
    if (this.#count > 0) this.#load();
  }

  clear(): void {
    this.#count = 0;
  }

  #load(): void {
    const at = this.#head;
    this.cid = this.#cids[at]!;
    this.ttag = this.#ttags[at]!;
    this.offset = this.#offsets[at]!;
    this.left = this.#lengths[at]!;
  }
}

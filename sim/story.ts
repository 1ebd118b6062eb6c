/**
 * What happened, for people: a ring of the last events with their virtual time, and a hash over all of them, by which two
 * runs are told to be the same. Requests are noted as numbers and become sentences only when somebody reads them.
 */
import { opName } from '../src/block/request.ts';
import { statusName } from '../src/block/status.ts';

const kinds = { note: 0, issued: 1, ended: 2 } as const;
/** Numbers of an event: kind, time, reactor, slot, operation, block, count, value. */
const width = 8;

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x0100_0193;

export class Story {
  /** How many events there were. */
  count = 0;
  readonly #capacity: number;
  readonly #numbers: Float64Array;
  readonly #texts: string[];
  readonly #now: () => number;
  #hash = fnvOffset;

  constructor(now: () => number, capacity = 32_768) {
    this.#now = now;
    this.#capacity = capacity;
    this.#numbers = new Float64Array(capacity * width);
    this.#texts = new Array<string>(capacity).fill('');
  }

  /** Of all events so far. */
  get hash(): string {
    return `${(this.#hash >>> 0).toString(16).padStart(8, '0')}-${this.count}`;
  }

  /** Something happened that is no request. */
  note(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.#mix(text.charCodeAt(at));
    this.#put(kinds.note, 0, 0, 0, 0, 0, 0, text);
  }

  /** A request was issued; `value` is the number of the write. */
  issued(reactor: number, slot: number, operation: number, block: number, count: number, value: number): void {
    this.#put(kinds.issued, reactor, slot, operation, block, count, value, '');
  }

  ended(reactor: number, slot: number, operation: number, block: number, count: number, outcome: number): void {
    this.#put(kinds.ended, reactor, slot, operation, block, count, outcome, '');
  }

  /** The last `most` events; with `block`, of requests only those that touch it, and the ends of flushes. */
  lines(most: number, block = -1): string[] {
    const lines: string[] = [];
    const oldest = Math.max(0, this.count - this.#capacity);
    for (let event = this.count - 1; event >= oldest && lines.length < most; event -= 1) {
      const line = this.#line(event % this.#capacity, block);
      if (line !== null) lines.push(line);
    }
    return lines.toReversed();
  }

  #put(kind: number, b: number, c: number, d: number, e: number, f: number, g: number, text: string): void {
    const place = this.count % this.#capacity;
    const at = place * width;
    const numbers = this.#numbers;
    const now = this.#now();
    numbers[at] = kind;
    numbers[at + 1] = now;
    numbers[at + 2] = b;
    numbers[at + 3] = c;
    numbers[at + 4] = d;
    numbers[at + 5] = e;
    numbers[at + 6] = f;
    numbers[at + 7] = g;
    this.#texts[place] = text;
    this.count += 1;
    this.#mix(kind);
    this.#mix(Math.round(now * 1000));
    for (let word = 2; word < width; word += 1) this.#mix(numbers[at + word]!);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), fnvPrime);
  }

  #line(place: number, block: number): string | null {
    const at = place * width;
    const [kind, now, reactor, slot, operation, first, count, value] = this.#numbers.subarray(at, at + width);
    const time = `${now!.toFixed(3).padStart(11)} ms  `;
    if (kind === kinds.note) return time + this.#texts[place]!;
    const what = opName[operation!] ?? '?';
    const isFlush = count === 0;
    // Of a block's story the ends of flushes are part, because they say what is durable.
    if (block >= 0 && isFlush && kind === kinds.issued) return null;
    if (block >= 0 && !isFlush && (block < first! || block >= first! + count!)) return null;
    const range = isFlush ? '' : ` of ${count} from block ${first}`;
    const who = `reactor ${reactor} slot ${slot}: `;
    if (kind === kinds.issued) return `${time}${who}${what}${range}${value! > 0 ? ` (write ${value})` : ''}`;
    return `${time}${who}${what}${range} ended: ${statusName[value!] ?? value}`;
  }
}

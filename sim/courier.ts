/**
 * Messages between the reactors of a host, as message ports between threads carry them: copies, in order, some time
 * later, and only when the receiver runs. How much later is the seed's choice.
 */
import type { Random } from '../src/base/random.ts';
import type { SimIo } from '../src/io/sim/sim-io.ts';

/** Milliseconds; one message in so many takes far longer, as when the other thread is busy. */
const usual = 0.2;
const late = 15;
const lateOdds = 50;

export class Courier<Message> {
  readonly #to: SimIo;
  readonly #random: Random;
  readonly #receive: (message: Message) => void;
  readonly #timer: ReturnType<SimIo['timer']>;
  #queue: { readonly message: Message; readonly due: number }[] = [];
  #lastDue = 0;

  constructor(to: SimIo, random: Random, receive: (message: Message) => void) {
    this.#to = to;
    this.#random = random;
    this.#receive = receive;
    this.#timer = to.timer(() => this.#deliver());
  }

  post(message: Message): void {
    const longest = this.#random.below(lateOdds) === 0 ? late : usual;
    const now = this.#to.clock.now();
    // None overtakes an earlier one.
    this.#lastDue = Math.max(this.#lastDue, now + longest * this.#random.float());
    this.#queue.push({ message: structuredClone(message), due: this.#lastDue });
    if (!this.#timer.armed) this.#timer.arm(this.#lastDue - now);
  }

  #deliver(): void {
    const now = this.#to.clock.now();
    const due = this.#queue.filter((entry) => entry.due <= now);
    this.#queue = this.#queue.slice(due.length);
    for (const { message } of due) this.#receive(message);
    const [next] = this.#queue;
    if (next !== undefined && !this.#timer.armed) this.#timer.arm(Math.max(0, next.due - now));
  }
}

/** To the very same reactor: later in the same batch, as the product's own mailbox does. */
export function ownPost<Message>(io: SimIo, receive: (message: Message) => void): (message: Message) => void {
  return (message) => io.later({ run: () => receive(message) });
}

/**
 * Commands that a fault holds back for a while, first in, first out: a command never overtakes one that was held before
 * it, also when the delay is made shorter in between.
 */
import type { Io, Timer } from '../io/contract.ts';
import type { Command } from './command.ts';

export class HoldLine {
  readonly #io: Io;
  readonly #release: (command: Command) => void;
  readonly #timer: Timer;
  #first: Command | null = null;
  #last: Command | null = null;
  #milliseconds = 0;
  #size = 0;

  /** `release` gets each command when its time has come. */
  constructor(io: Io, release: (command: Command) => void) {
    this.#io = io;
    this.#release = release;
    this.#timer = io.timer(() => this.#fire());
  }

  /** For how long commands are held: 0 = not at all, Infinity = until this is changed. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** Changes the delay for commands to come; with 0 those held now are released as well, later in the loop. */
  set milliseconds(value: number) {
    this.#milliseconds = value;
    if (value === 0) this.releaseAll();
  }

  get size(): number {
    return this.#size;
  }

  /** True if a command that comes now has to be held. */
  get holds(): boolean {
    return this.#milliseconds > 0 || this.#size > 0;
  }

  hold(command: Command): void {
    this.holdFor(command, this.#milliseconds);
  }

  /** Holds a command for a time of its own. */
  holdFor(command: Command, milliseconds: number): void {
    command.due = this.#io.clock.now() + milliseconds;
    command.nextHeld = null;
    command.previousHeld = this.#last;
    if (this.#last === null) this.#first = command;
    else this.#last.nextHeld = command;
    this.#last = command;
    this.#size += 1;
    if (!this.#timer.armed) this.#arm();
  }

  /** Takes a command out without releasing it. It must be in this line. */
  remove(command: Command): void {
    const { previousHeld, nextHeld } = command;
    if (previousHeld === null) this.#first = nextHeld;
    else previousHeld.nextHeld = nextHeld;
    if (nextHeld === null) this.#last = previousHeld;
    else nextHeld.previousHeld = previousHeld;
    command.nextHeld = null;
    command.previousHeld = null;
    this.#size -= 1;
  }

  /** Everything held now is due now. */
  releaseAll(): void {
    const now = this.#io.clock.now();
    for (let command = this.#first; command !== null; command = command.nextHeld) command.due = now;
    this.#arm();
  }

  #arm(): void {
    const first = this.#first;
    if (first === null || first.due === Number.POSITIVE_INFINITY) this.#timer.disarm();
    else this.#timer.arm(Math.max(0, first.due - this.#io.clock.now()));
  }

  #fire(): void {
    const now = this.#io.clock.now();
    for (;;) {
      const first: Command | null = this.#first;
      if (first === null || first.due > now) break;
      this.remove(first);
      this.#release(first);
    }
    this.#arm();
  }
}

/**
 * What is wrong with a port on purpose. The data path asks `active` once per command; everything else costs nothing
 * while nothing is wrong.
 */
import type { Io } from '../io/contract.ts';
import type { Command } from './command.ts';
import { HoldLine } from './hold-line.ts';

/** What a line of held commands calls back into. */
export interface HeldCommands {
  /** A command whose execution was held back may start now. */
  onHeldExecution(command: Command): void;
  /** A command whose answer was held back may be answered now. */
  onHeldAnswer(command: Command): void;
  /** The time of a ghost has come. */
  onGhost(command: Command): void;
}

export class PortFaults {
  /** Commands wait here before they are executed. */
  readonly execution: HoldLine;
  /** Executed commands wait here before they are answered. */
  readonly answers: HoldLine;
  /** Writes whose connection died while they were held wait here. */
  readonly ghosts: HoldLine;
  /** Commands that hang wait here, until they are aborted. */
  readonly hung: HoldLine;
  /** How many I/O commands to come hang. */
  hangCount = 0;
  /** Only commands that change data are held back before execution. */
  executionOfWritesOnly = false;
  /** Milliseconds after the death of its connection when a held write is executed; -1 = never. */
  ghostDelay = -1;
  /** Ghosts are executed when their controller is reset, as their last chance, instead of being dropped. */
  ghostsRunOnReset = false;
  /** Nothing that arrives is seen, nothing is answered; connections stay open. */
  blackhole = false;
  /** New connections are closed at once. */
  refusing = false;
  /** How many I/O commands to come are answered with `forcedStatus` instead of being executed. */
  forcedCount = 0;
  forcedStatus = 0;
  /** How many data digests, or header digests, to come are sent wrong. */
  wrongDataDigests = 0;
  wrongHeaderDigests = 0;
  #active = false;

  constructor(io: Io, held: HeldCommands) {
    this.execution = new HoldLine(io, (command) => held.onHeldExecution(command));
    this.answers = new HoldLine(io, (command) => held.onHeldAnswer(command));
    this.ghosts = new HoldLine(io, (command) => held.onGhost(command));
    this.hung = new HoldLine(io, (command) => held.onHeldExecution(command));
  }

  /** Something may be wrong: commands have to ask what. */
  get active(): boolean {
    return this.#active;
  }

  /** To be called after any change of the fields. */
  changed(): void {
    this.#active =
      this.blackhole ||
      this.execution.milliseconds > 0 ||
      this.answers.milliseconds > 0 ||
      this.execution.size > 0 ||
      this.answers.size > 0 ||
      this.forcedCount > 0 ||
      this.hangCount > 0 ||
      this.wrongDataDigests > 0 ||
      this.wrongHeaderDigests > 0;
  }
}

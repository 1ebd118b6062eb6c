/**
 * A queue of a controller: one connection, its command slots, and each command's way from capsule to answer. A
 * connection is a queue without number until its Connect was accepted.
 *
 * Why nothing is executed after `kill`: commands start in `#start` only, which refuses then; `busy` counts those that
 * were started before, and ghosts. When it is 0 after a kill, no command of this queue can change data any more.
 */
import { assert } from '../base/assert.ts';
import { breakage, type Breakage } from '../fabric/nvme-tcp/breakage.ts';
import { Connection, type ConnectionOwner } from '../fabric/nvme-tcp/connection.ts';
import { adminInCapsuleBytes, ioOpcode, pduType } from '../fabric/nvme-tcp/constants.ts';
import type { Memory, Timer } from '../io/contract.ts';
import { Answers } from './answers.ts';
import { type Command, type CommandOwner, phase } from './command.ts';
import type { Controller } from './controller.ts';
import { Intake } from './intake.ts';
import type { Port } from './port.ts';
import { Slots } from './slots.ts';
import { sc } from './status-codes.ts';
import type { Subsystem } from './subsystem.ts';

/** What the commands of a queue mean: there is one for connections without queue, one for admin, one for I/O. */
export interface CommandHandler {
  /**
   * Reads a new entry at `at` and fills in the command: above all `dataLength` and `toHost`. What is not `success` is
   * answered at once.
   */
  accept(queue: Queue, command: Command, view: DataView, at: number): number;
  /** All data is there, or room for it. Ends in `queue.complete`, now or later. */
  execute(queue: Queue, command: Command): void;
  /** The command's block request came back. */
  requestDone(queue: Queue, command: Command): void;
}

export class Queue implements ConnectionOwner, CommandOwner {
  readonly subsystem: Subsystem;
  readonly port: Port;
  readonly connection: Connection;
  readonly memory: Memory;
  readonly slots = new Slots();
  readonly #answers: Answers;
  handler: CommandHandler;
  controller: Controller | null = null;
  /** -1 before Connect. */
  qid = -1;
  entries = 1;
  /** SUCCESS may stand for the response of a read: there is no SQ flow control (NVMe/TCP, "C2HData PDU"). */
  successAllowed = false;
  flowControl = true;
  /** Commands that are executing, and ghosts. */
  busy = 0;
  /** Nothing is executed any more. */
  killed = false;
  detached = false;
  /** Why it ended, one of `breakage`; `none` when we ended it ourselves. */
  ended: Breakage = breakage.none;
  /** Command capsules received; only ever compared. */
  capsules = 0;
  #sqhd = 0;
  /** A connection that is ready sends its Connect, and authenticates, within a bounded time. */
  readonly #deadline: Timer;
  readonly #intake: Intake;
  #released = false;

  constructor(subsystem: Subsystem, port: Port, handler: CommandHandler) {
    const { io, config } = subsystem;
    this.subsystem = subsystem;
    this.port = port;
    this.handler = handler;
    this.memory = io.memory;
    this.connection = new Connection(io, 'controller', this, {
      digests: (config.headerDigest ? 1 : 0) | (config.dataDigest ? 2 : 0),
      maxH2cData: config.limits.maxh2cdata,
      maxInCapsule: adminInCapsuleBytes,
      handshakeMs: config.connectTimeout,
      receiveBytes: config.receiveBytes,
    });
    this.#intake = new Intake(this);
    this.#answers = new Answers(this, 1);
    this.#deadline = io.timer(() => this.connection.abort());
    this.slots.grow(io, this, 1, true);
  }

  /**
   * The Connect was accepted: from here on this is queue `qid` of `controller`. The Connect itself is still to be
   * answered, in a slot that stays.
   */
  become(controller: Controller, qid: number, entries: number, handler: CommandHandler, flowControl: boolean): void {
    assert(this.qid < 0, 'a queue is connected twice');
    this.#deadline.disarm();
    this.controller = controller;
    this.qid = qid;
    this.entries = entries;
    this.handler = handler;
    this.flowControl = flowControl;
    this.successAllowed = !flowControl && this.subsystem.config.c2hSuccess;
    this.#sqhd = 1 % entries;
    this.slots.grow(this.subsystem.io, this, 2 * entries, qid === 0);
    this.#answers.grow(2 * entries);
    const inCapsule = this.subsystem.config.limits.inCapsuleBytes;
    this.connection.setMaxInCapsule(qid === 0 ? adminInCapsuleBytes : inCapsule);
  }

  /** The connection ends after so many milliseconds, unless it is told otherwise meanwhile. */
  endAfter(milliseconds: number): void {
    if (!this.detached) this.#deadline.arm(milliseconds);
  }

  /** It does not end by itself any more. */
  goOn(): void {
    this.#deadline.disarm();
  }

  /** SQHD as responses carry it: reserved, all ones, where there is no flow control. */
  get reportedSqhd(): number {
    return this.flowControl ? this.#sqhd : 0xffff;
  }

  /** Ends the connection. What executes now ends by itself; held writes may become ghosts. Harmless when repeated. */
  abort(): void {
    this.connection.abort();
  }

  /** Ends the connection and lets no further command start. Harmless when repeated. */
  kill(): void {
    this.killed = true;
    this.connection.abort();
  }

  // From the connection

  onReady(): void {
    this.#deadline.arm(this.subsystem.config.connectTimeout);
  }

  onPdu(type: number, place: number, dataBytes: number): void {
    if (this.port.faults.blackhole || this.killed) {
      if (dataBytes > 0) this.connection.discardData();
      return;
    }
    if (type === pduType.capsuleCmd) this.#intake.capsule(place, dataBytes);
    else this.#intake.h2cData(place);
  }

  onData(tag: number, intact: boolean): void {
    this.#intake.dataDone(this.slots.at(tag), intact);
  }

  onSent(tag: number): void {
    const command = this.slots.at(tag);
    command.sends -= 1;
    if (command.sends === 0 && command.answered) this.#release(command);
  }

  onSendRoom(): void {
    this.#answers.pump();
  }

  onBroken(how: Breakage): void {
    this.ended = how;
  }

  onDetached(): void {
    this.#deadline.disarm();
    for (const command of this.slots.commands) {
      switch (command.phase) {
        case phase.idle:
        case phase.ghost:
          break;
        case phase.starved:
        case phase.executing:
          command.orphan = true;
          break;
        case phase.held:
        case phase.hung:
          this.#unhold(command);
          command.orphan = true;
          if (this.#becomesGhost(command)) {
            command.phase = phase.ghost;
            this.busy += 1;
            this.port.faults.ghosts.holdFor(command, this.port.faults.ghostDelay);
            this.subsystem.stats.ghostsMade += 1;
          } else {
            this.#release(command);
          }
          break;
        case phase.delayed:
          this.port.faults.answers.remove(command);
          this.#release(command);
          break;
        default:
          this.#release(command);
      }
    }
    this.#answers.clear();
    this.detached = true;
    this.controller?.queueDetached(this);
    this.#checkIdle();
  }

  // A command's way

  /** A command takes the next place of the submission queue. */
  admit(cid: number): Command {
    const next = this.#sqhd + 1;
    this.#sqhd = next === this.entries ? 0 : next;
    this.capsules += 1;
    this.subsystem.stats.commands += 1;
    return this.slots.take(cid);
  }

  onCommandBuffer(command: Command): void {
    if (command.orphan) this.#release(command);
    // After a kill it waits for the detachment like all others, so that nothing is given back twice. On a connection that
    // ends nothing is received any more, and nobody is there to be answered.
    else if (this.killed || !this.connection.ready) command.phase = phase.parked;
    else this.#intake.gotBuffer(command);
  }

  /** It has something to send: R2Ts, or its answer. */
  send(command: Command): void {
    this.#answers.send(command);
  }

  /** All data is there, or room for it, or there is none. */
  ready(command: Command): void {
    const faults = this.port.faults;
    if (faults.active && this.qid > 0 && command.opcode !== ioOpcode.fabrics) {
      if (faults.forcedCount > 0) {
        faults.forcedCount -= 1;
        faults.changed();
        command.status = faults.forcedStatus;
        this.answer(command);
        return;
      }
      if (faults.hangCount > 0) {
        faults.hangCount -= 1;
        faults.changed();
        command.phase = phase.hung;
        faults.hung.holdFor(command, Number.POSITIVE_INFINITY);
        return;
      }
      const changesData = !command.toHost && command.opcode !== 0;
      if (faults.execution.holds && (changesData || !faults.executionOfWritesOnly)) {
        command.phase = phase.held;
        faults.execution.hold(command);
        return;
      }
    }
    this.#start(command);
  }

  #start(command: Command): void {
    if (this.killed) {
      command.phase = phase.parked;
      return;
    }
    command.phase = phase.executing;
    this.busy += 1;
    this.handler.execute(this, command);
  }

  heldExecution(command: Command): void {
    this.#start(command);
  }

  /** A fault that held the command back, or let it hang, does so no more. */
  #unhold(command: Command): void {
    const { execution, hung } = this.port.faults;
    (command.phase === phase.hung ? hung : execution).remove(command);
  }

  ghostExecution(command: Command): void {
    command.phase = phase.executing;
    this.subsystem.stats.ghostsExecuted += 1;
    this.handler.execute(this, command);
  }

  #becomesGhost(command: Command): boolean {
    return this.qid > 0 && !this.killed && this.port.faults.ghostDelay >= 0 && !command.toHost && command.opcode !== 0;
  }

  /** Its ghosts are gone, or run now: for a reset of the controller. */
  endGhosts(): void {
    const { ghosts, ghostsRunOnReset } = this.port.faults;
    for (const command of this.slots.commands) {
      if (command.phase !== phase.ghost) continue;
      ghosts.remove(command);
      if (ghostsRunOnReset) {
        this.ghostExecution(command);
      } else {
        this.busy -= 1;
        this.#release(command);
      }
    }
    this.#checkIdle();
  }

  onCommandExecuted(command: Command): void {
    this.handler.requestDone(this, command);
  }

  /** For handlers: the command was executed. */
  complete(command: Command, status: number): void {
    assert(command.phase === phase.executing, 'a command is completed that does not execute');
    command.status = status;
    this.busy -= 1;
    if (command.orphan) {
      this.#release(command);
      this.controller?.queueQuieter();
      this.#checkIdle();
      return;
    }
    if (this.killed) {
      command.phase = phase.parked;
      this.controller?.queueQuieter();
      return;
    }
    this.answer(command);
  }

  /** An Asynchronous Event Request with this identifier that waits for its event. Null if there is none. */
  parkedCommand(cid: number): Command | null {
    return this.slots.commands.find((command) => command.cid === cid && command.phase === phase.parked) ?? null;
  }

  /**
   * Abort of an I/O command (NVMe Base, "Abort command"). True: it ends now, with "Command Abort Requested", and is never
   * executed. False: there is no such command, or it is executed already; or data of it is still on its way, which has to
   * be received before anything else can be: then it ends like that when the data is there, and is never executed either.
   */
  callBack(cid: number): boolean {
    if (this.killed || this.detached) return false;
    for (const command of this.slots.commands) {
      if (command.cid !== cid) continue;
      switch (command.phase) {
        case phase.held:
        case phase.hung:
          this.#unhold(command);
          break;
        case phase.gathering:
        case phase.starved:
        case phase.receiving:
          command.status = sc.abortRequested;
          if (command.phase !== phase.gathering || command.r2tOutstanding > 0) return false;
          break;
        default:
          continue;
      }
      command.status = sc.abortRequested;
      this.answer(command);
      return true;
    }
    return false;
  }

  /** For the admin handler: an Asynchronous Event Request waits; it does not execute. */
  park(command: Command): void {
    command.phase = phase.parked;
    this.busy -= 1;
  }

  /** For the admin handler: a parked or held command ends. */
  unpark(command: Command, status: number, dword0: number): void {
    if (command.orphan || this.detached || this.killed) return;
    command.status = status;
    command.dword0 = dword0;
    this.answer(command);
  }

  /** It ends with the status that it has. */
  answer(command: Command): void {
    if (command.status !== sc.success) this.controller?.errors.add(this.qid, command, command.status);
    const faults = this.port.faults;
    if (faults.active) {
      if (faults.answers.holds) {
        command.phase = phase.delayed;
        faults.answers.hold(command);
        return;
      }
      if (faults.blackhole) {
        this.#swallow(command);
        return;
      }
    }
    command.phase = phase.answering;
    command.moved = 0;
    this.#answers.send(command);
  }

  heldAnswer(command: Command): void {
    if (this.port.faults.blackhole) {
      this.#swallow(command);
      return;
    }
    command.phase = phase.answering;
    command.moved = 0;
    this.#answers.send(command);
  }

  // Ends

  /** The last byte of the command's answer is queued: the host may use its cid again. */
  answered(command: Command): void {
    command.answered = true;
    this.slots.forgetCid(command);
    if (command.sends === 0) this.#release(command);
  }

  /** Its answer is dropped: a fault swallows it. */
  #swallow(command: Command): void {
    this.slots.forgetCid(command);
    this.#release(command);
  }

  #release(command: Command): void {
    this.slots.give(command);
    if (this.detached) this.#checkIdle();
  }

  /** Nothing of a detached queue is in use any more: its memory goes back. */
  #checkIdle(): void {
    if (!this.detached || !this.slots.allFree || this.#released) return;
    this.#released = true;
    this.#intake.release();
    this.connection.release();
    this.port.queueGone(this);
    this.controller?.queueGone(this);
  }
}

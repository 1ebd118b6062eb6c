/**
 * A queue whose host has to authenticate (NVMe Base, "In-band Authentication"): from its Connect on it takes nothing but
 * Authentication Send and Receive, until the host has proved who it is; then it goes on as the queue that it was to be.
 *
 * It ends by itself: the steps of a transaction go forwards only, one that fails is the last, and time is bounded.
 */
import { compute, type DhResult, type DhWork, noDh } from '../fabric/nvme-tcp/auth/dh-work.ts';
import { type ControllerPlan, ControllerSide } from '../fabric/nvme-tcp/auth/controller-side.ts';
import type { Authenticated } from '../fabric/nvme-tcp/auth/host-side.ts';
import { adminInCapsuleBytes, adminOpcode, fctype } from '../fabric/nvme-tcp/constants.ts';
import { readAuthenticationSqe } from '../fabric/nvme-tcp/fabrics-sqe.ts';
import { sqeFctype } from '../fabric/nvme-tcp/sqe.ts';
import type { Command } from './command.ts';
import { checkSgl } from './intake.ts';
import type { CommandHandler, Queue } from './queue.ts';
import { sc } from './status-codes.ts';

/** The largest message that is listened to, and the most that one is padded to. */
const mostBytes = 4096;
/** What a host that was refused has, to fetch the reason and to go, milliseconds. */
const refusedGraceMs = 500;

export class Authentication implements CommandHandler {
  readonly #queue: Queue;
  readonly #side: ControllerSide;
  readonly #plan: ControllerPlan;
  /** What the queue's commands mean once it is authenticated. */
  readonly #then: CommandHandler;
  /** A command of it is being worked on. */
  #isBusy = false;

  constructor(queue: Queue, plan: ControllerPlan, then: CommandHandler) {
    this.#queue = queue;
    this.#plan = plan;
    this.#then = then;
    this.#side = new ControllerSide(plan, (count) => queue.subsystem.io.secretBytes(count));
  }

  /** The Connect was accepted. */
  begin(): void {
    const queue = this.#queue;
    queue.handler = this;
    // Fabrics commands bring their data in the capsule, whatever the queue's other commands may do.
    queue.connection.setMaxInCapsule(adminInCapsuleBytes);
    queue.endAfter(queue.subsystem.config.connectTimeout);
  }

  accept(queue: Queue, command: Command, view: DataView, at: number): number {
    if (command.opcode !== adminOpcode.fabrics) return sc.authenticationRequired;
    const type = sqeFctype(view, at);
    if (type !== fctype.authenticationSend && type !== fctype.authenticationReceive) return sc.authenticationRequired;
    const { isNvme, bytes } = readAuthenticationSqe(view, at);
    if (!isNvme || bytes === 0 || bytes > mostBytes) return sc.invalidField;
    command.toHost = type === fctype.authenticationReceive;
    command.dataLength = bytes;
    return checkSgl(queue, view, at, bytes, command.toHost);
  }

  requestDone(): void {
    // No block request is ever made here.
  }

  execute(queue: Queue, command: Command): void {
    if (this.#isBusy) {
      queue.complete(command, sc.commandSequenceError);
      return;
    }
    if (command.toHost) {
      this.#with(this.#side.work, (result) => this.#fetched(command, this.#side.next(result)));
      return;
    }
    const { buffer, dataLength } = command;
    const work = this.#side.onSent(queue.memory.u8.slice(buffer, buffer + dataLength));
    this.#with(work, (result) => {
      if (work !== null) this.#side.onComputed(result);
      this.#complete(command, sc.success);
    });
  }

  /** Computes, at once or later, what `go` needs. */
  #with(work: DhWork | null, go: (result: DhResult) => void): void {
    if (work === null) {
      go(noDh);
      return;
    }
    this.#isBusy = true;
    void compute(this.#queue.subsystem.io, work).then((result) => {
      this.#isBusy = false;
      go(result);
    });
  }

  #fetched(command: Command, message: Uint8Array): void {
    const { memory } = this.#queue;
    const fits = message.length <= command.dataLength;
    if (fits) {
      memory.fill(command.buffer, 0, command.dataLength);
      memory.u8.set(message, command.buffer);
    }
    this.#complete(command, fits ? sc.success : sc.invalidField);
  }

  #complete(command: Command, status: number): void {
    const queue = this.#queue;
    const { step } = this.#side;
    if (step === 'done') this.#done();
    else if (step === 'refused' || status !== sc.success) {
      queue.subsystem.stats.authenticationsRefused += 1;
      queue.endAfter(refusedGraceMs);
    }
    queue.complete(command, status);
  }

  #done(): void {
    const queue = this.#queue;
    const { config, stats } = queue.subsystem;
    stats.authentications += 1;
    queue.goOn();
    queue.handler = this.#then;
    if (queue.qid > 0) queue.connection.setMaxInCapsule(config.limits.inCapsuleBytes);
    else if (queue.controller !== null) queue.controller.authenticated = this.#how;
  }

  get #how(): Authenticated {
    return { hash: this.#plan.hash.name, group: this.#plan.group.name, isMutual: this.#side.isMutual };
  }
}

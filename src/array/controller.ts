/**
 * A controller: what one host has of the subsystem through one port. It is made by a Connect to its admin queue (dynamic
 * controller model) and ends with the loss of that queue, with the host's silence, or by a cross-controller reset.
 *
 * It may outlive its end in the subsystem's table: as long as a command of it executes, or may still be executed late (a
 * ghost), so that a cross-controller reset finds it and can vouch for its silence.
 */
import type { Authenticated } from '../fabric/nvme-tcp/auth/host-side.ts';
import type { CcrEntry } from '../fabric/nvme-tcp/ccr-log.ts';
import { shst, writeCsts } from '../fabric/nvme-tcp/properties.ts';
import type { Timer } from '../io/contract.ts';
import { AsyncEvents, eventKind } from './async-events.ts';
import type { Command } from './command.ts';
import { ErrorLog } from './health.ts';
import type { Port } from './port.ts';
import type { Queue } from './queue.ts';
import { CacheFlush } from './cache-flush.ts';
import { sc } from './status-codes.ts';
import type { Subsystem } from './subsystem.ts';

export type ControllerKind = 'io' | 'discovery';

/** Who a host is. */
export interface HostName {
  readonly hostnqn: string;
  /** 32 hexadecimal digits. */
  readonly hostid: string;
}

/** A change beyond this many namespaces is reported as "too many". */
const mostChangedNamespaces = 1024;

export class Controller {
  readonly subsystem: Subsystem;
  readonly port: Port;
  readonly cntlid: number;
  readonly kind: ControllerKind;
  readonly host: HostName;
  readonly events: AsyncEvents;
  /** CIU and CIRN: which instance of its id this is. Changed when it is enabled. */
  ciu: number;
  cirn: bigint;
  /** CC as the host set it. */
  cc = 0;
  /** Commands of the NVM command set are accepted. */
  acceptsIo = false;
  /** How its host proved itself on the admin queue; null: it did not, or did not have to. */
  authenticated: Authenticated | null = null;
  /** Volatile write cache enabled. */
  wce = true;
  /** I/O queues granted. */
  ioQueues: number;
  ended = false;
  readonly changedNamespaces = new Set<number>();
  /** Cross-controller resets that this controller was asked for. */
  readonly resets: CcrEntry[] = [];
  /** What its error log says. */
  readonly errors = new ErrorLog();
  admin: Queue | null = null;
  /** I/O queues that have a connection, by qid. */
  readonly #queues = new Map<number, Queue>();
  /** I/O queues of which anything is left. */
  readonly #remaining = new Set<Queue>();
  readonly #keepAlive: Timer;
  readonly #idle: Timer;
  #kato = 0;
  /** Capsules received when the keep-alive timer was armed, for traffic based keep-alive. */
  #capsules = 0;
  #rdy = false;
  #cfs = false;
  #shst: number = shst.normal;
  #resetting = false;
  readonly #whenQuiet: (() => void)[] = [];

  constructor(subsystem: Subsystem, port: Port, cntlid: number, kind: ControllerKind, host: HostName, kato: number) {
    const { io, config } = subsystem;
    this.subsystem = subsystem;
    this.port = port;
    this.cntlid = cntlid;
    this.kind = kind;
    this.host = host;
    this.ioQueues = config.limits.maxIoQueues;
    this.ciu = 1 + io.random.below(255);
    this.cirn = randomU64(subsystem);
    const answer = (command: Command, dword0: number): void => this.admin?.unpark(command, sc.success, dword0);
    this.events = new AsyncEvents(config.limits.maxAsyncEvents, answer);
    this.#keepAlive = io.timer(() => this.#keepAliveExpired());
    this.#idle = io.timer(() => this.end());
    this.kato = kato;
    this.#idle.arm(config.idleTimeout);
  }

  // State

  /** CSTS. */
  get csts(): number {
    return writeCsts({ rdy: this.#rdy, cfs: this.#cfs, shst: this.#shst, nssro: false, pp: false });
  }

  /** Enabled and ready: commands other than fabrics commands are accepted. */
  get ready(): boolean {
    return this.#rdy && !this.#resetting && !this.ended;
  }

  get resetting(): boolean {
    return this.#resetting;
  }

  /** Keep-alive timeout, milliseconds; 0 = none. Rounded up to its granularity. */
  get kato(): number {
    return this.#kato;
  }

  set kato(milliseconds: number) {
    const { kas } = this.subsystem.config;
    this.#kato = Math.ceil(milliseconds / kas) * kas;
    this.keepAlive();
  }

  /** The host was heard of. */
  keepAlive(): void {
    if (this.#kato === 0 || this.ended) this.#keepAlive.disarm();
    else {
      this.#capsules = this.#capsulesNow();
      this.#keepAlive.arm(this.#kato);
    }
  }

  #capsulesNow(): number {
    let sum = this.admin?.capsules ?? 0;
    for (const queue of this.#queues.values()) sum += queue.capsules;
    return sum;
  }

  #keepAliveExpired(): void {
    const { io, config, stats } = this.subsystem;
    // We stood still ourselves, or traffic counts and there was some: the host gets another period.
    if (io.slip > 0 || (config.tbkas && this.#capsulesNow() !== this.#capsules)) {
      this.keepAlive();
      return;
    }
    stats.keepAliveExpiries += 1;
    this.#cfs = true;
    this.end();
  }

  /** CC.EN became 1. */
  enable(): void {
    this.ciu = this.ciu === 255 ? 1 : this.ciu + 1;
    this.cirn = randomU64(this.subsystem);
    this.#rdy = true;
    this.#shst = shst.normal;
    this.acceptsIo = this.kind === 'io';
    this.wce = true;
    this.#idle.disarm();
  }

  /** CC was set to something this controller cannot do. */
  fail(): void {
    this.#cfs = true;
  }

  /**
   * CC.EN became 0. I/O queues end. CSTS.RDY becomes 0 only when none of their commands executes and none can be
   * executed any more: kill() keeps queues from starting commands, endGhosts() ends those that would come late, and
   * what was started is counted. The host may rely on it to fence writes.
   */
  reset(): void {
    this.#resetting = true;
    this.acceptsIo = false;
    for (const command of this.events.clear()) this.admin?.unpark(command, sc.abortedQueueDeletion, 0);
    this.#silence(() => {
      this.#resetting = false;
      this.#rdy = false;
      this.#cfs = false;
      this.#shst = shst.normal;
      this.#idle.arm(this.subsystem.config.idleTimeout);
    });
  }

  /** CC.SHN was set: what was acknowledged becomes durable, then CSTS.SHST says so. */
  shutDown(): void {
    this.#shst = shst.underWay;
    this.acceptsIo = false;
    new CacheFlush(this.subsystem, this.cntlid).run(() => {
      this.#shst = shst.complete;
      this.#idle.arm(this.subsystem.config.idleTimeout);
    });
  }

  shutDownWithdrawn(): void {
    this.#shst = shst.normal;
    this.acceptsIo = this.kind === 'io' && this.#rdy;
  }

  // Queues

  queue(qid: number): Queue | null {
    return (qid === 0 ? this.admin : this.#queues.get(qid)) ?? null;
  }

  get ioQueuesOpen(): number {
    return this.#queues.size;
  }

  addQueue(qid: number, queue: Queue): void {
    if (qid === 0) {
      this.admin = queue;
      return;
    }
    this.#queues.set(qid, queue);
    this.#remaining.add(queue);
  }

  /** A queue's connection is gone. */
  queueDetached(queue: Queue): void {
    if (queue === this.admin) {
      this.events.clear();
      this.end();
      return;
    }
    if (this.#queues.get(queue.qid) === queue) this.#queues.delete(queue.qid);
    this.queueQuieter();
  }

  /** Nothing of a queue is left. */
  queueGone(queue: Queue): void {
    if (queue === this.admin) this.admin = null;
    else this.#remaining.delete(queue);
    this.queueQuieter();
  }

  /** Less is executing than before. */
  queueQuieter(): void {
    if (this.#whenQuiet.length > 0 && this.#busy === 0) for (const call of this.#whenQuiet.splice(0)) call();
    if (this.ended && this.admin === null && this.#remaining.size === 0) this.subsystem.controllerGone(this);
  }

  /** I/O commands that execute or may still be executed. */
  get #busy(): number {
    let sum = 0;
    for (const queue of this.#remaining) sum += queue.busy;
    return sum;
  }

  /** Ends all I/O queues; `quiet` is called, perhaps at once, when none of their commands can be executed any more. */
  #silence(quiet: () => void): void {
    for (const queue of this.#remaining) {
      queue.kill();
      queue.endGhosts();
    }
    this.#whenQuiet.push(quiet);
    this.queueQuieter();
  }

  /** The association ends: all connections are cut. Writes that a fault holds may become ghosts. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.acceptsIo = false;
    this.#rdy = false;
    this.#keepAlive.disarm();
    this.#idle.disarm();
    for (const queue of this.#remaining) queue.abort();
    this.admin?.abort();
    this.queueQuieter();
  }

  // Events

  namespaceChanged(nsid: number): void {
    if (this.kind !== 'io' || this.ended) return;
    if (this.changedNamespaces.size <= mostChangedNamespaces) this.changedNamespaces.add(nsid);
    this.events.raise(eventKind.namespaceAttribute);
  }

  /** Another controller of the same host asked to reset this one. `done`: no command of it can be executed any more. */
  crossReset(done: () => void): void {
    this.end();
    this.#silence(done);
  }
}

function randomU64({ io }: Subsystem): bigint {
  // Never 0, which means "not reported".
  return (BigInt(io.random.nextUint32()) << 32n) | BigInt((io.random.nextUint32() | 1) >>> 0);
}

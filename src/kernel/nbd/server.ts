/** The reactor side of an NBD kernel device: one connection to the kernel. */
import type { BlockDevice } from '../../block/device.ts';
import type { UringIo } from '../../io/uring/io.ts';
import type { KernelQueueServer, NbdQueuePlan } from '../contract.ts';
import { NbdConnection } from './connection.ts';

/** Milliseconds. */
const quiesceStep = 1;

export class NbdQueueServer implements KernelQueueServer {
  readonly ended: Promise<string | null>;
  readonly #io: UringIo;
  readonly #plan: NbdQueuePlan;
  readonly #connection: NbdConnection;

  /** @throws CausewayError `out-of-memory` */
  constructor(io: UringIo, device: BlockDevice, plan: NbdQueuePlan) {
    this.#io = io;
    this.#plan = plan;
    const ended = io.deferred<string | null>();
    this.ended = ended.promise;
    this.#connection = new NbdConnection(io, device, plan, (failure) => ended.resolve(failure));
  }

  get underWay(): number {
    return this.#connection.underWay;
  }

  start(): Promise<void> {
    this.#connection.start(this.#io.adopt(this.#plan.fd, this.#connection));
    return Promise.resolve();
  }

  async quiesce(): Promise<void> {
    this.#connection.quiesce();
    // Rare, and short: a step of waiting costs less than telling of every answer would.
    while (!this.#connection.isQuiet) await this.#io.sleep(quiesceStep);
  }
}

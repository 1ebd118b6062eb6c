/** The reactor side of a FUSE kernel device: the queues that one reactor serves. */
import { CausewayError } from '../../base/errors.ts';
import type { BlockDevice } from '../../block/device.ts';
import type { UringIo } from '../../io/uring/io.ts';
import type { FuseQueuePlan, KernelQueueServer } from '../contract.ts';
import { ClassicQueue } from './classic-queue.ts';
import { UringQueues } from './uring-queue.ts';

/** Of the reader beside io_uring: FORGET and INTERRUPT are rare and answered at once. */
const readerSlots = 2;
/** Milliseconds. */
const quiesceStep = 1;

export class FuseQueueServer implements KernelQueueServer {
  readonly ended: Promise<string | null>;
  readonly #io: UringIo;
  readonly #plan: FuseQueuePlan;
  readonly #uring: UringQueues | null;
  readonly #classic: ClassicQueue | null;
  readonly #resolveEnded: (failure: string | null) => void;
  #left = 0;

  /** @throws CausewayError `out-of-memory` */
  constructor(io: UringIo, device: BlockDevice, plan: FuseQueuePlan) {
    this.#io = io;
    this.#plan = plan;
    const ended = io.deferred<string | null>();
    this.ended = ended.promise;
    this.#resolveEnded = (failure) => ended.resolve(failure);
    const uring = plan.transport === 'uring' && plan.queues.length > 0;
    this.#uring = uring ? new UringQueues(io, device, plan, this.#onUringEmpty) : null;
    const slots = plan.transport === 'uring' ? readerSlots : plan.entriesPerQueue;
    this.#classic = plan.reads ? new ClassicQueue(io, device, plan, slots, this.#onPartEmpty) : null;
  }

  get underWay(): number {
    return (this.#uring?.underWay ?? 0) + (this.#classic?.underWay ?? 0);
  }

  async start(): Promise<void> {
    if (this.#uring !== null) this.#left += 1;
    if (this.#classic !== null) this.#left += 1;
    if (this.#left === 0) {
      this.#resolveEnded(null);
      return;
    }
    this.#uring?.register();
    this.#classic?.start();
    // A refusal is answered while the batch is handed over; an entry that is taken says nothing until a request comes.
    await this.#io.sleep(1);
    const failure = this.#failure();
    if (failure === null) return;
    this.#uring?.stop();
    this.#classic?.stop();
    throw new CausewayError('kernel-device-failed', `${this.#plan.name}: ${failure}`);
  }

  async quiesce(): Promise<void> {
    this.#uring?.quiesce();
    this.#classic?.quiesce();
    // Rare, and short: a step of waiting costs less than telling of every answer would.
    while (this.underWay > 0 || this.#classic?.answering === true) await this.#io.sleep(quiesceStep);
  }

  #failure(): string | null {
    return this.#uring?.failure ?? this.#classic?.failure ?? null;
  }

  readonly #onUringEmpty = (): void => {
    // Without entries there is nothing to serve: the reader is not to wait for an end that may not come.
    this.#classic?.stopPolling();
    this.#onPartEmpty();
  };

  readonly #onPartEmpty = (): void => {
    this.#left -= 1;
    if (this.#left > 0) return;
    // Not in here: the caller is still inside the queue that is to be closed.
    this.#io.later(this);
  };

  /** As a task: everything is over. */
  run(): void {
    this.#uring?.close();
    this.#classic?.close();
    this.#resolveEnded(this.#failure());
  }
}

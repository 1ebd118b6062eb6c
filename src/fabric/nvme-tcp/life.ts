/** One life of an association's controller: from the first byte to its fence. What the lead remembers of it. */
import type { CausewayError } from '../../base/errors.ts';
import type { Deferred, Io } from '../../io/contract.ts';
import type { Aborts } from './aborts.ts';
import type { Controller } from './controller.ts';
import type { Fence } from './fence.ts';
import type { NamespaceWatch } from './namespace-watch.ts';
import { outcome } from './status.ts';

/** A reactor's queue in this life. */
export interface LifeQueue {
  opened: boolean;
  detached: boolean;
  inDoubt: number;
}

export class Life {
  readonly epoch: number;
  controller: Controller | null = null;
  /** By reactor, of those that were told to open one. */
  readonly queues = new Map<number, LifeQueue>();
  readonly allOpen: Deferred<void>;
  readonly allDetached: Deferred<void>;
  /** Settles when the life is condemned; why is in `error`. */
  readonly condemned: Deferred<void>;
  error: CausewayError | null = null;
  /** Row of the outcome table for commands that are under way at the end. */
  lossOutcome: number = outcome.connectionLost;
  liveSince = 0;
  watch: NamespaceWatch | null = null;
  fence: Fence | null = null;
  aborts: Aborts | null = null;
  /** Its controller is being asked whether it is alive. */
  probed = false;

  constructor(io: Io, epoch: number) {
    this.epoch = epoch;
    this.allOpen = io.deferred<void>();
    this.allDetached = io.deferred<void>();
    this.condemned = io.deferred<void>();
    // Nobody may be waiting for it when it is rejected.
    this.allOpen.promise.catch(() => undefined);
  }

  /** The first reason is the true one. */
  condemn(error: CausewayError, lossOutcome: number = outcome.connectionLost): void {
    if (this.condemned.settled) return;
    this.error = error;
    this.lossOutcome = lossOutcome;
    this.allOpen.reject(error);
    this.condemned.resolve();
  }

  get inDoubt(): number {
    let sum = 0;
    for (const queue of this.queues.values()) sum += queue.inDoubt;
    return sum;
  }

  /** A reactor's queue is open. */
  queueOpened(reactor: number): void {
    const queue = this.queues.get(reactor);
    if (queue === undefined) return;
    queue.opened = true;
    for (const { opened } of this.queues.values()) if (!opened) return;
    this.allOpen.resolve();
  }

  /** A reactor's queue gave all its parts back. */
  queueDetached(reactor: number, inDoubt: number): void {
    const queue = this.queues.get(reactor);
    if (queue === undefined) return;
    queue.detached = true;
    queue.inDoubt = Math.max(queue.inDoubt, inDoubt);
    this.checkDetached();
  }

  checkDetached(): void {
    for (const { detached } of this.queues.values()) if (!detached) return;
    if (this.condemned.settled) this.allDetached.resolve();
  }
}

/** A reactor as the main thread sees it: a worker thread that is called, listened to, and asked to end. */
import { type MessagePort, Worker } from 'node:worker_threads';
import { CausewayError } from '../base/errors.ts';
import type { UringIoOptions } from '../io/uring/io.ts';
import { ringDoorbell } from '../native/descriptors.ts';
import { viewOf } from '../native/mapping.ts';
import { Caller, type CallMessage, type EventMessage, noAnswer, type ToMain } from './rpc.ts';

export interface ReactorPlan {
  readonly name: string;
  readonly io: UringIoOptions;
  /** Pin the thread to this CPU; left to the kernel when missing. */
  readonly cpu?: number;
}

/**
 * How long a reactor may take to come up, and to end once everything on it is closed. Milliseconds. The start loads all of
 * the program from wherever it lies: that has been seen to take more than 10 s on an emulated machine that was busy besides.
 */
const startTimeout = 30_000;
const endTimeout = 5_000;

/** What a reactor says of itself when it has come up. */
export interface StartedReactor {
  readonly doorbell: number;
  readonly clock: number;
  readonly memory: { readonly address: number; readonly bytes: number };
}

export class ReactorThread {
  readonly name: string;
  readonly #worker: Worker;
  readonly #caller: Caller;
  #doorbell = -1;
  #clockOffset = 0;
  #place = { address: 0, bytes: 0 };
  #memory: Uint8Array | null = null;
  #ended = false;
  readonly #exit: Promise<void>;

  private constructor(plan: ReactorPlan, entry: URL, onEvent: (event: EventMessage) => void) {
    this.name = plan.name;
    this.#worker = new Worker(entry, {
      workerData: plan,
      name: plan.name,
      // The loop needs little young space; more would only make its rare collections longer.
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    });
    this.#caller = new Caller((message, transfer) => this.post(message, transfer));
    this.#worker.on('message', (message: ToMain) => {
      if ('answer' in message) this.#caller.onAnswer(message);
      else onEvent(message);
    });
    // A reactor that fails ends the whole process itself (the crash path); this is for what it could not catch.
    this.#worker.on('error', (error) => {
      process.stderr.write(`causeway: fatal error in ${plan.name}: ${error.stack ?? error.message}\n`);
      process.kill(process.pid, 'SIGKILL');
    });
    this.#exit = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#ended = true;
        this.#caller.failAll(new CausewayError('assertion', `the reactor ${plan.name} has ended`));
        resolve();
      });
    });
  }

  /** @throws CausewayError `io-uring-unavailable`, `out-of-memory` */
  static async start(plan: ReactorPlan, entry: URL, onEvent: (event: EventMessage) => void): Promise<ReactorThread> {
    const thread = new ReactorThread(plan, entry, onEvent);
    const started = thread.call<StartedReactor>('start', null);
    const { doorbell, clock, memory } = await bounded(started, startTimeout, `the reactor ${plan.name} does not start`);
    thread.#doorbell = doorbell;
    thread.#place = memory;
    thread.#clockOffset = performance.now() - clock;
    return thread;
  }

  /** Sends a message and wakes the reactor. */
  post(message: unknown, transfer: readonly MessagePort[] = []): void {
    if (this.#ended) return;
    this.#worker.postMessage(message, [...transfer]);
    if (this.#doorbell >= 0) ringDoorbell(this.#doorbell);
  }

  /** What the reactor's clock shows now, give or take the way of a message. Milliseconds. */
  get clock(): number {
    return performance.now() - this.#clockOffset;
  }

  /** The reactor's memory. Only places that the reactor has lent to the main thread may be touched. */
  get memory(): Uint8Array {
    this.#memory ??= new Uint8Array(viewOf(this.#place.address, this.#place.bytes));
    return this.#memory;
  }

  get doorbell(): number {
    return this.#doorbell;
  }

  call<Result>(method: string, argument: unknown, transfer: readonly MessagePort[] = []): Promise<Result> {
    if (this.#ended) return Promise.reject(new CausewayError('assertion', `the reactor ${this.name} has ended`));
    return this.#caller.call<Result>(method, argument, transfer);
  }

  /** As `call`, for what has no answer: an error in it is a fatal one of the reactor. */
  tell(method: string, argument: unknown): void {
    const message: CallMessage = { call: noAnswer, method, argument };
    this.post(message);
  }

  /** Ends the loop. Everything on the reactor was closed before. Resolves when the thread is gone. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    await bounded(this.call('stop', null), endTimeout, `the reactor ${this.name} does not end`);
    // From here on the doorbell's descriptor may be somebody else's.
    this.#doorbell = -1;
    await bounded(this.#exit, endTimeout, `the reactor ${this.name} does not end`);
  }
}

/** @throws CausewayError `reactor-stuck` when `work` takes longer than `milliseconds` */
export async function bounded<T>(work: Promise<T>, milliseconds: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new CausewayError('reactor-stuck', `${what} within ${milliseconds} ms`)),
      milliseconds,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

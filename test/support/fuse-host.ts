/** A host for tests: reactors in worker threads, one memory volume, and the kernel device over it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ringDoorbell } from '../../src/native/descriptors.ts';
import { mapStore } from '../../src/io/uring/store.ts';
import type { KernelDevice, KernelGeometry, KernelHost, QueuePlan, ServedQueues } from '../../src/kernel/contract.ts';
import { type KernelDeviceOptions, openKernelDevice } from '../../src/kernel/open.ts';
import type { FromWorker, ToWorker, VolumeOptions, WorkerOptions } from './fuse-worker.ts';

type Kind = FromWorker['kind'];
type Of<K extends Kind> = Extract<FromWorker, { kind: K }>;

function isOf<K extends Kind>(message: FromWorker | undefined, kind: K): message is Of<K> {
  return message?.kind === kind;
}

export class TestReactor {
  readonly #worker: Worker;
  #doorbell = -1;
  readonly #waiting = new Map<Kind, ((message: FromWorker) => void)[]>();
  readonly #seen: FromWorker[] = [];
  readonly #ends = new Map<string, (failure: string | null) => void>();

  constructor(options: WorkerOptions) {
    this.#worker = new Worker(new URL('./fuse-worker.js', import.meta.url), { workerData: options });
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ended') this.#ends.get(message.name)?.(message.failure);
      const waiter = this.#waiting.get(message.kind)?.shift();
      if (waiter === undefined) this.#seen.push(message);
      else waiter(message);
    });
  }

  next<K extends Kind>(kind: K): Promise<Of<K>> {
    const place = this.#seen.findIndex((message) => message.kind === kind);
    const seen = this.#seen[place];
    if (isOf(seen, kind)) {
      this.#seen.splice(place, 1);
      return Promise.resolve(seen);
    }
    return new Promise((resolve) => {
      const list = this.#waiting.get(kind) ?? [];
      list.push((message) => {
        if (isOf(message, kind)) resolve(message);
      });
      this.#waiting.set(kind, list);
    });
  }

  async ready(): Promise<void> {
    this.#doorbell = (await this.next('ready')).doorbell;
  }

  say(message: ToWorker): void {
    this.#worker.postMessage(message, []);
    ringDoorbell(this.#doorbell);
  }

  async ask<K extends Kind>(message: ToWorker, kind: K): Promise<Of<K>> {
    this.say(message);
    return await this.next(kind);
  }

  async serve(plan: QueuePlan): Promise<ServedQueues> {
    const ended = new Promise<string | null>((resolve) => {
      this.#ends.set(plan.name, resolve);
    });
    this.say({ kind: 'serve', plan });
    const { refused } = await this.next('served');
    if (refused !== null) throw new Error(refused);
    const quiesce = async (): Promise<void> => {
      await this.ask({ kind: 'quiesce', name: plan.name }, 'done');
    };
    const fail = async (): Promise<void> => {
      await this.ask({ kind: 'failAll', name: plan.name }, 'done');
    };
    return { ended, quiesce, fail };
  }

  async stop(): Promise<void> {
    const gone = once(this.#worker, 'exit');
    await this.ask({ kind: 'stop' }, 'stopped');
    await gone;
  }
}

export interface TestHostOptions {
  readonly sizeBytes: number;
  readonly blockBytes?: number;
  readonly capacityBytes?: number;
  readonly readOnly?: boolean;
  readonly withoutWriteZeroes?: boolean;
  readonly reactors?: number;
  readonly spinMicroseconds?: number;
}

export class TestHost implements KernelHost {
  readonly workers: readonly TestReactor[];
  readonly volume: VolumeOptions;
  /** Changes a plan on its way to the reactor. */
  spoil: (plan: QueuePlan) => QueuePlan = (plan) => plan;

  private constructor(workers: readonly TestReactor[], volume: VolumeOptions) {
    this.workers = workers;
    this.volume = volume;
  }

  static async start(options: TestHostOptions): Promise<TestHost> {
    const capacityBytes = options.capacityBytes ?? options.sizeBytes;
    const volume: VolumeOptions = {
      sizeBytes: options.sizeBytes,
      blockBytes: options.blockBytes ?? 512,
      capacityBytes,
      readOnly: options.readOnly ?? false,
      withoutWriteZeroes: options.withoutWriteZeroes ?? false,
    };
    const store = mapStore(capacityBytes);
    const workers = Array.from({ length: options.reactors ?? 1 }, (_, index) => {
      const spinMicroseconds = options.spinMicroseconds ?? 0;
      return new TestReactor({
        store,
        volume,
        spinMicroseconds,
        name: `reactor ${index}`,
      });
    });
    for (const worker of workers) await worker.ready();
    return new TestHost(workers, volume);
  }

  get reactors(): number {
    return this.workers.length;
  }

  serve(reactor: number, plan: QueuePlan): Promise<ServedQueues> {
    const worker = this.workers[reactor];
    if (worker === undefined) throw new Error(`there is no reactor ${reactor}`);
    return worker.serve(this.spoil(plan));
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds).unref();
    });
  }

  now(): number {
    return performance.now();
  }

  geometry(): KernelGeometry {
    return {
      sizeBytes: this.volume.sizeBytes,
      blockBytes: this.volume.blockBytes,
      physicalBlockBytes: 4096,
      maxTransferBytes: 1024 * 1024,
      readOnly: this.volume.readOnly,
      volatileCache: false,
      canDiscard: true,
      canWriteZeroes: !this.volume.withoutWriteZeroes,
    };
  }

  open(name: string, options: Partial<KernelDeviceOptions> = {}): Promise<KernelDevice> {
    return openKernelDevice(this, { kind: 'fuse', volume: 'test.volume', name, geometry: this.geometry(), ...options });
  }

  /** Does the same on every reactor. */
  async all(message: ToWorker): Promise<void> {
    for (const worker of this.workers) await worker.ask(message, 'done');
  }

  async stop(): Promise<void> {
    for (const worker of this.workers) await worker.stop();
  }
}

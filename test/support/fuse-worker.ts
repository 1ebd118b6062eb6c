/** A reactor thread for tests: serves a memory device, whole or through a crippled stand-in, to the kernel. */
import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../src/base/assert.ts';
import type { BlockDevice, Geometry } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { op, type Request } from '../../src/block/request.ts';
import type { Status } from '../../src/block/status.ts';
import { UringIo } from '../../src/io/uring/io.ts';
import { dieLoudly, Reactor } from '../../src/io/uring/reactor.ts';
import type { StorePlace } from '../../src/io/uring/store.ts';
import type { KernelQueueServer, QueuePlan } from '../../src/kernel/contract.ts';
import { makeQueueServer } from '../../src/kernel/queue-server.ts';

export interface VolumeOptions {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly capacityBytes: number;
  readonly readOnly: boolean;
  /** Refuses write-zeroes, so that they have to be written. */
  readonly withoutWriteZeroes: boolean;
}

export interface WorkerOptions {
  readonly store: StorePlace;
  readonly volume: VolumeOptions;
  readonly spinMicroseconds: number;
  readonly name: string;
}

export type ToWorker =
  | { readonly kind: 'serve'; readonly plan: QueuePlan }
  | { readonly kind: 'quiesce'; readonly name: string }
  | { readonly kind: 'failAll'; readonly name: string }
  | { readonly kind: 'resize'; readonly sizeBytes: number }
  /** From now on requests are kept and not answered (true), or answered again, the kept ones first (false). */
  | { readonly kind: 'hold'; readonly on: boolean }
  | { readonly kind: 'fail'; readonly status: Status | null }
  | { readonly kind: 'counts' }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly doorbell: number }
  | { readonly kind: 'served'; readonly refused: string | null }
  | { readonly kind: 'ended'; readonly name: string; readonly failure: string | null }
  | { readonly kind: 'done' }
  | {
      readonly kind: 'counts';
      readonly counts: readonly number[];
      readonly largest: number;
      readonly taken: number;
      readonly enters: number;
    }
  | { readonly kind: 'stopped' };

/** What stands between the kernel and the memory device: counts, holds back, fails. */
class TestDevice implements BlockDevice {
  readonly #below: MemoryDevice;
  readonly #options: VolumeOptions;
  readonly counts = [0, 0, 0, 0, 0];
  largest = 0;
  holding = false;
  failing: Status | null = null;
  readonly held: Request[] = [];

  constructor(below: MemoryDevice, options: VolumeOptions) {
    this.#below = below;
    this.#options = options;
  }

  get identity(): BlockDevice['identity'] {
    return this.#below.identity;
  }

  get geometry(): Geometry {
    const geometry = this.#below.geometry;
    return this.#options.withoutWriteZeroes ? { ...geometry, canWriteZeroes: false } : geometry;
  }

  resize(sizeBytes: number): void {
    this.#below.resize(sizeBytes);
  }

  submit(request: Request): void {
    this.counts[request.op] = (this.counts[request.op] ?? 0) + 1;
    if (request.length > this.largest) this.largest = request.length;
    if (this.holding) {
      this.held.push(request);
      return;
    }
    if (this.failing !== null && request.op !== op.flush) {
      request.finish(this.failing);
      return;
    }
    this.#below.submit(request);
  }

  close(): Promise<void> {
    return this.#below.close();
  }
}

const port = defined(parentPort, 'this file is a worker');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host beside this file is the only caller
const options = workerData as WorkerOptions;

function main(): void {
  const io = new UringIo({
    wide: true,
    spinMicroseconds: options.spinMicroseconds,
    stores: { volume: options.store },
  });
  const reactor = new Reactor(options.name, io);
  const { sizeBytes, blockBytes, capacityBytes, readOnly } = options.volume;
  const memory = new MemoryDevice(io, { name: 'volume', sizeBytes, blockBytes, capacityBytes, readOnly });
  const device = new TestDevice(memory, options.volume);
  const plain = process.env['CAUSEWAY_TEST_PLAIN'] === '1';
  const say = (message: FromWorker): void => port.postMessage(message);
  const before = io.memory.takenBytes;
  const servers = new Map<string, KernelQueueServer>();

  const serve = async (plan: QueuePlan): Promise<void> => {
    const server = makeQueueServer(io, plain ? memory : device, plan);
    servers.set(plan.name, server);
    void server.ended.then((failure) => say({ kind: 'ended', name: plan.name, failure }));
    try {
      await server.start();
      say({ kind: 'served', refused: null });
    } catch (error) {
      say({ kind: 'served', refused: error instanceof Error ? error.message : String(error) });
    }
  };

  const hold = (on: boolean): void => {
    device.holding = on;
    if (!on) for (const request of device.held.splice(0)) memory.submit(request);
    say({ kind: 'done' });
  };

  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'serve':
        void serve(message.plan);
        return;
      case 'quiesce':
        void servers
          .get(message.name)
          ?.quiesce()
          .then(() => say({ kind: 'done' }));
        return;
      case 'failAll':
        servers.get(message.name)?.fail?.();
        say({ kind: 'done' });
        return;
      case 'resize':
        device.resize(message.sizeBytes);
        say({ kind: 'done' });
        return;
      case 'hold':
        hold(message.on);
        return;
      case 'fail':
        device.failing = message.status;
        say({ kind: 'done' });
        return;
      case 'counts':
        say({
          kind: 'counts',
          counts: device.counts,
          largest: device.largest,
          taken: io.memory.takenBytes - before,
          enters: io.ring.enters,
        });
        return;
      case 'stop':
        void reactor.stop().then(() => {
          say({ kind: 'stopped' });
          port.close();
        });
        return;
    }
  });
  reactor.start();
  say({ kind: 'ready', doorbell: io.doorbell });
}

try {
  main();
} catch (error) {
  dieLoudly(options.name, error);
}

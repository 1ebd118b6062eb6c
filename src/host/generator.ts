/**
 * A load generator on the reactor itself: keeps a number of requests under way on a device for a while, with no kernel
 * device between. For benchmarks of what lies below.
 */
import { submitChecked } from '../block/door.ts';
import type { BlockDevice } from '../block/device.ts';
import { type Completer, op, Request } from '../block/request.ts';
import { status } from '../block/status.ts';
import { Histogram } from '../base/histogram.ts';
import type { Io, Timer } from '../io/contract.ts';

export interface GeneratorPlan {
  readonly pattern: 'random-read' | 'random-write' | 'read' | 'write';
  readonly blockBytes: number;
  readonly depth: number;
  readonly milliseconds: number;
  /** Ends after so many requests, if the time is not over before. */
  readonly requests?: number;
}

export interface GeneratorResult {
  readonly completed: number;
  readonly errors: number;
  readonly milliseconds: number;
  /** CPU time of the whole process meanwhile, microseconds. */
  readonly cpu: { readonly user: number; readonly system: number };
  /** Microseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number };
}

class Generator implements Completer {
  readonly #device: BlockDevice;
  readonly #plan: GeneratorPlan;
  readonly #io: Io;
  readonly #blocks: number;
  readonly #write: boolean;
  readonly #random: boolean;
  readonly #requests: Request[] = [];
  readonly #memory: number;
  readonly #onEnd: () => void;
  readonly latency = new Histogram();
  #next = 0;
  /** Request slots that are still in use. */
  #left: number;
  #submitted = Number.NaN; // starts as a double, so that the field's representation never changes
  readonly #most: number;
  #stopping = false;
  completed = 0;
  errors = 0;

  constructor(io: Io, device: BlockDevice, plan: GeneratorPlan, onEnd: () => void) {
    this.#io = io;
    this.#device = device;
    this.#plan = plan;
    this.#onEnd = onEnd;
    this.#blocks = Math.floor(device.geometry.sizeBytes / plan.blockBytes);
    this.#write = plan.pattern === 'random-write' || plan.pattern === 'write';
    this.#random = plan.pattern === 'random-read' || plan.pattern === 'random-write';
    this.#most = plan.requests ?? Number.POSITIVE_INFINITY;
    const slots = Math.min(plan.depth, this.#most);
    this.#memory = io.memory.allocate(slots * plan.blockBytes, 4096);
    for (let tag = 0; tag < slots; tag += 1) this.#requests.push(new Request(io, tag));
    this.#left = slots;
    this.#submitted = 0;
  }

  start(): void {
    for (const request of this.#requests) this.#submit(request);
  }

  stop(): void {
    this.#stopping = true;
  }

  #submit(request: Request): void {
    const { blockBytes } = this.#plan;
    const block = this.#random ? this.#io.random.below(this.#blocks) : this.#next;
    this.#next = this.#next + 1 === this.#blocks ? 0 : this.#next + 1;
    const place = this.#memory + request.tag * blockBytes;
    request.begin(this.#write ? op.write : op.read, block * blockBytes, blockBytes, place, 0, this);
    this.#submitted += 1;
    if (this.#submitted >= this.#most) this.#stopping = true;
    submitChecked(this.#device, request);
  }

  onRequest(request: Request): void {
    this.completed += 1;
    if (request.status !== status.ok) this.errors += 1;
    this.latency.record((this.#io.clock.now() - request.startedAt) * 1000);
    if (!this.#stopping) {
      this.#submit(request);
      return;
    }
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#io.memory.free(this.#memory);
    this.#onEnd();
  }
}

/** Runs it. Resolves when the last request came back. */
export async function runGenerator(io: Io, device: BlockDevice, plan: GeneratorPlan): Promise<GeneratorResult> {
  const done = io.deferred<void>();
  const generator = new Generator(io, device, plan, () => done.resolve());
  const timer: Timer = io.timer(() => generator.stop());
  const cpu = process.cpuUsage();
  const before = io.clock.now();
  timer.arm(plan.milliseconds);
  generator.start();
  await done.promise;
  timer.disarm();
  const { latency } = generator;
  return {
    completed: generator.completed,
    errors: generator.errors,
    milliseconds: io.clock.now() - before,
    cpu: process.cpuUsage(cpu),
    latency: {
      p50: latency.percentile(50),
      p99: latency.percentile(99),
      p999: latency.percentile(99.9),
      max: latency.max,
    },
  };
}

/**
 * A program that uses a block device as an application does and knows what it wrote: random reads and writes of mixed
 * sizes past all caches, each read held against the last write of each block. Unlike fio it tells an older block from the
 * right one at any time. Started with its job as JSON; prints its report as JSON.
 */
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/base/random.ts';
import { BlockHistory } from '../../src/host/block-history.ts';
import { DirectFile } from './direct-file.ts';
import type { Scene } from './scene.ts';

export interface CheckJob {
  readonly device: string;
  readonly seed: number;
  readonly milliseconds: number;
  readonly blockBytes: number;
  /** Blocks of the device that it works on, from the start. */
  readonly blocks: number;
  readonly largest: number;
  readonly depth: number;
}

export interface CheckReport {
  readonly reads: number;
  readonly writes: number;
  /** Requests that failed; the first of them in words. */
  readonly errors: number;
  readonly firstError: string;
  /** Blocks that held something they may not hold. */
  readonly wrong: number;
  readonly firstWrong: string;
  /** Milliseconds, the slowest request. */
  readonly slowest: number;
}

const program = fileURLToPath(import.meta.url);
const grace = 45_000;

/** Runs it on the scene's device. */
export function runChecker(scene: Scene, job: Omit<CheckJob, 'device'>): Promise<CheckReport> {
  return checkDevice({ ...job, device: scene.device }, (bound, command, ...args) =>
    scene.must(bound, command, ...args),
  );
}

/** Runs it by whatever runs programs here: within a bound in milliseconds, and gives what they said. */
export async function checkDevice(
  job: CheckJob,
  must: (bound: number, command: string, ...args: string[]) => Promise<string>,
): Promise<CheckReport> {
  // One thread for each request under way: that is how Node does file I/O.
  const threads = `UV_THREADPOOL_SIZE=${job.depth}`;
  const bound = job.milliseconds + grace;
  const out = await must(bound, 'env', threads, process.execPath, program, JSON.stringify(job));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the program below wrote it in this form
  return JSON.parse(out) as CheckReport;
}

class Checker {
  readonly #job: CheckJob;
  readonly #random: Random;
  readonly #history: BlockHistory;
  readonly #file: DirectFile;
  readonly #until: number;
  #reads = 0;
  #writes = 0;
  #errors = 0;
  #firstError = '';
  #slowest = 0;

  constructor(job: CheckJob) {
    this.#job = job;
    this.#random = new Random(job.seed);
    this.#history = new BlockHistory(job.seed, job.blockBytes, 0, job.blocks);
    this.#file = new DirectFile(job.device, job.depth * job.largest * job.blockBytes);
    this.#until = performance.now() + job.milliseconds;
  }

  async run(): Promise<CheckReport> {
    await Promise.all(Array.from({ length: this.#job.depth }, (_unused, slot) => this.#work(slot)));
    this.#file.close();
    const { wrong, firstWrong } = this.#history;
    return {
      reads: this.#reads,
      writes: this.#writes,
      errors: this.#errors,
      firstError: this.#firstError,
      wrong,
      firstWrong,
      slowest: this.#slowest,
    };
  }

  async #work(slot: number): Promise<void> {
    while (performance.now() < this.#until) {
      const begin = performance.now();
      try {
        await this.#request(slot);
      } catch (error) {
        this.#errors += 1;
        if (this.#errors === 1) this.#firstError = String(error);
      }
      this.#slowest = Math.max(this.#slowest, performance.now() - begin);
    }
  }

  async #request(slot: number): Promise<void> {
    const { largest, blockBytes, blocks } = this.#job;
    const random = this.#random;
    const length = 1 + random.below(largest);
    let at = random.below(blocks - length + 1);
    while (!this.#history.take(at, length)) at = random.below(blocks - length + 1);
    const place = slot * largest * blockBytes;
    const bytes = this.#file.bytes.subarray(place, place + length * blockBytes);
    const word = place / 4;
    try {
      if (random.below(2) === 0) {
        const generation = this.#history.fill(this.#file.words, word, at, length);
        // Until it is known to be written nothing is known.
        this.#history.doubted(at, length);
        await this.#file.transfer('write', bytes, at * blockBytes);
        this.#history.written(at, length, generation);
        this.#writes += 1;
      } else {
        bytes.fill(0xa5);
        await this.#file.transfer('read', bytes, at * blockBytes);
        this.#history.check(this.#file.words, word, at, length);
        this.#reads += 1;
      }
    } finally {
      this.#history.give(at, length);
    }
  }
}

if (process.argv[1] === program && process.argv[2] !== undefined) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- runChecker wrote it in this form
  console.log(JSON.stringify(await new Checker(JSON.parse(process.argv[2]) as CheckJob).run()));
}

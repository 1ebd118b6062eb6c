/**
 * A program that uses a block device, and knows what each block has to hold: it writes to ranges apart from each other,
 * all at once, and as soon as one of these writes is answered writes over it. Whoever started it loses the path under
 * the first writes. It does what it is told over its message channel, and ends with it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { defined } from '../../src/base/assert.ts';
import { BlockHistory } from '../../src/host/block-history.ts';
import {
  type AnswerMessage,
  answerCall,
  Caller,
  type CallMessage,
  fromThread,
  type Methods,
} from '../../src/host/rpc.ts';
import { DirectFile } from './direct-file.ts';

export interface RaceJob {
  readonly device: string;
  readonly seed: number;
  /** How many ranges there are, and how many of them are written at once. */
  readonly ranges: number;
  readonly atOnce: number;
}

export interface RaceReport {
  /** First writes, and writes over them, that were answered. */
  readonly written: number;
  readonly overwritten: number;
  /** Requests that failed; the first of them in words. */
  readonly errors: number;
  readonly firstError: string;
  /** Blocks that held something that they may not hold, each time they were read. */
  readonly wrong: number;
  readonly firstWrong: string;
}

const program = fileURLToPath(import.meta.url);
const blockBytes = 4096;
/** Each range has four blocks, of which the first write takes the two in the middle. */
const rangeBlocks = 4;
const first = { at: 1, length: 2 } as const;
/** What is written over it, in turn: the same blocks, one of them and one beside it, more than both. */
const over = [
  { at: 1, length: 2 },
  { at: 0, length: 2 },
  { at: 2, length: 2 },
  { at: 0, length: 4 },
] as const;

export const rangeBytes = rangeBlocks * blockBytes;

class Race {
  readonly #job: RaceJob;
  readonly #history: BlockHistory;
  readonly #file: DirectFile;
  #next = 0;
  #under: Promise<void>[] = [];
  #written = 0;
  #overwritten = 0;
  #errors = 0;
  #firstError = '';

  constructor(job: RaceJob) {
    this.#job = job;
    this.#history = new BlockHistory(job.seed, blockBytes, 0, job.ranges * rangeBlocks);
    this.#file = new DirectFile(job.device, job.atOnce * rangeBytes);
  }

  /** Starts the writes to the next ranges. */
  begin(): void {
    for (let place = 0; place < this.#job.atOnce; place += 1) {
      const range = this.#next;
      this.#next += 1;
      this.#under.push(this.#race(place, range));
    }
  }

  /** Waits until all that was begun is answered. */
  async finish(): Promise<RaceReport> {
    await Promise.all(this.#under);
    this.#under = [];
    return this.report();
  }

  /** Reads all ranges that were begun so far. */
  async verify(): Promise<RaceReport> {
    for (let range = 0; range < this.#next; range += this.#job.atOnce) {
      const many = Math.min(this.#job.atOnce, this.#next - range);
      await Promise.all(Array.from({ length: many }, (_unused, place) => this.#check(place, range + place)));
    }
    return this.report();
  }

  report(): RaceReport {
    const { wrong, firstWrong } = this.#history;
    return {
      written: this.#written,
      overwritten: this.#overwritten,
      errors: this.#errors,
      firstError: this.#firstError,
      wrong,
      firstWrong,
    };
  }

  async #race(place: number, range: number): Promise<void> {
    if (await this.#write(place, range, first.at, first.length)) this.#written += 1;
    const { at, length } = over[range % over.length]!;
    if (await this.#write(place, range, at, length)) this.#overwritten += 1;
    await this.#check(place, range);
  }

  async #write(place: number, range: number, at: number, length: number): Promise<boolean> {
    const block = range * rangeBlocks + at;
    const from = place * rangeBytes;
    const generation = this.#history.fill(this.#file.words, from / 4, block, length);
    this.#history.doubted(block, length);
    const done = await this.#transfer('write', from, block, length);
    if (done) this.#history.written(block, length, generation);
    return done;
  }

  async #check(place: number, range: number): Promise<void> {
    const block = range * rangeBlocks;
    const into = place * rangeBytes;
    this.#file.bytes.fill(0xa5, into, into + rangeBytes);
    if (await this.#transfer('read', into, block, rangeBlocks)) {
      this.#history.check(this.#file.words, into / 4, block, rangeBlocks);
    }
  }

  /** False, and counted, if it failed. */
  async #transfer(way: 'read' | 'write', place: number, block: number, blocks: number): Promise<boolean> {
    const bytes = this.#file.bytes.subarray(place, place + blocks * blockBytes);
    try {
      await this.#file.transfer(way, bytes, block * blockBytes);
      return true;
    } catch (error) {
      this.#errors += 1;
      this.#firstError ||= String(error);
      return false;
    }
  }

  close(): void {
    this.#file.close();
  }
}

/** The program, as the test sees it. */
export class GhostRacer {
  readonly #child: ChildProcess;
  readonly #caller: Caller;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#caller = new Caller((message) => child.send(message));
    child.on('message', (message) => this.#caller.onAnswer(fromThread<AnswerMessage>(message)));
    child.once('exit', (code, signal) => {
      this.#caller.failAll(new Error(`the program that races ghosts ended with ${code ?? signal}`));
    });
  }

  /** Runs `body` with the program on the job's device; the program ends before this returns. */
  static async with<T>(job: RaceJob, body: (racer: GhostRacer) => Promise<T>): Promise<T> {
    // One thread for each request under way: that is how Node does file I/O.
    const env = { ...process.env, UV_THREADPOOL_SIZE: String(job.atOnce) };
    const child = fork(program, [JSON.stringify(job)], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const gone = once(child, 'exit');
    try {
      await once(child, 'spawn');
      return await body(new GhostRacer(child));
    } finally {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return defined(this.#child.pid, 'a process id');
  }

  begin(): Promise<void> {
    return this.#caller.call('begin', null);
  }

  finish(): Promise<RaceReport> {
    return this.#caller.call('finish', null);
  }

  verify(): Promise<RaceReport> {
    return this.#caller.call('verify', null);
  }
}

if (process.argv[1] === program && process.argv[2] !== undefined) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- GhostRacer wrote it in this form
  const race = new Race(JSON.parse(process.argv[2]) as RaceJob);
  const methods: Methods = {
    begin: async () => race.begin(),
    finish: () => race.finish(),
    verify: () => race.verify(),
  };
  process.on('message', (message) => {
    const call = fromThread<CallMessage>(message);
    void answerCall(methods, call).then((answer) => process.send?.(answer));
  });
  process.once('disconnect', () => race.close());
}

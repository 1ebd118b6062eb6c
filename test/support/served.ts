/** For programs in a guest: an array and a device over it, each a process of its own as a user has it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { causeway, freshName, type Ready, type Running, startReady, traces } from './cli.ts';
import { until } from './until.ts';

export class Served {
  readonly name = freshName();
  readonly #kind: string;
  readonly #array = freshName();
  #arrayRun: Running | null = null;
  #url = '';
  #run: Running | null = null;
  #ready: Ready | null = null;

  constructor(kind: 'nbd' | 'ublk' | 'fuse') {
    this.#kind = kind;
  }

  /** Starts an array in memory. */
  async startArray(sizeBytes: number, ...words: string[]): Promise<void> {
    const size = ['--port', '0', '--ports', '2', '--size', String(sizeBytes)];
    const { running, ready } = await startReady('array', '--name', this.#array, ...size, ...words);
    this.#arrayRun = running;
    this.#url = ready.url ?? '';
  }

  /** Makes a file, sparse, to attach instead of an array's volume. */
  makeFile(file: string, sizeBytes: number): void {
    fs.writeFileSync(file, '');
    fs.truncateSync(file, sizeBytes);
    this.#url = `file:${file}`;
  }

  async attach(...words: string[]): Promise<void> {
    const all = [this.#url, '--name', this.name, '--kernel-device', this.#kind, ...words];
    const { running, ready } = await startReady('attach', ...all);
    this.#run = running;
    this.#ready = ready;
  }

  /** `/dev/nbd0` */
  get device(): string {
    return this.#ready?.device ?? '';
  }

  /** What the kernel says of it. */
  sysfs(entry: string): string {
    return fs.readFileSync(`/sys/block/${path.basename(this.device)}/${entry}`, 'utf8').trim();
  }

  get pid(): number {
    return this.#run?.child.pid ?? 0;
  }

  async kill(): Promise<void> {
    this.#run?.kill('SIGKILL');
    await this.#run?.ended;
  }

  async fault(...words: string[]): Promise<void> {
    const { code, stderr } = await causeway('array', 'fault', this.#array, ...words);
    assert.equal(code, 0, stderr);
  }

  /** Ends it in order; nothing of it is left. */
  async detach(): Promise<void> {
    const { code, stderr } = await causeway('detach', this.name);
    assert.equal(code, 0, stderr);
    await this.#run?.ended;
    assert.deepEqual(traces(this.name), []);
  }

  /** Of a check that may have failed: takes everything away. */
  async clearUp(): Promise<void> {
    if (traces(this.name).length > 0) await causeway('detach', this.name, '--force');
    this.#run?.kill('SIGKILL');
    this.#arrayRun?.kill('SIGTERM');
    await this.#arrayRun?.ended;
  }

  /** Requests that the kernel has given out and not got back. */
  inFlight(): number {
    return this.sysfs('inflight')
      .split(/\s+/)
      .map(Number)
      .reduce((sum, count) => sum + count, 0);
  }

  async untilInFlight(count: number): Promise<void> {
    await until(`${count} requests in flight`, () => this.inFlight() >= count, 60_000);
  }
}

/** A host and an array, a process each, so that the one can stand still while the other does not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanup } from '../../bench/cleanup.ts';
import { Subject } from '../../bench/subject-client.ts';
import type { AttachOptions } from '../../src/host/contract.ts';
import type { DeviceView } from '../../src/host/view.ts';
import { checkDevice, type CheckReport } from './block-checker.ts';
import { attempt } from './commands.ts';
import { assertNothingLeft, countBefore } from './leftovers.ts';
import { stopThread, threadOf } from './stopped-thread.ts';
import { until } from './until.ts';
import { stormSeed } from './verified-storm.ts';

const mebi = 2 ** 20;
const ports = 4;
/** The first leads: keep-alives, reconnects and fences are its work. */
const reactors = ['reactor-0', 'reactor-1'] as const;

/** What stands still: all of the host, or one of its reactors. */
export const victims = ['process', ...reactors] as const;
export type Victim = (typeof victims)[number];

export class StallScene {
  readonly #host: Subject;
  readonly #name: string;
  readonly device: string;

  private constructor(host: Subject, { name, device }: DeviceView) {
    this.#host = host;
    this.#name = name;
    this.device = device;
  }

  /** However the body ends, both processes end after it, and leave nothing behind. */
  static async with(
    label: string,
    attach: Partial<AttachOptions>,
    body: (scene: StallScene) => Promise<void>,
  ): Promise<void> {
    const before = await countBefore();
    const name = `${label}-${process.pid}`;
    const cleanup = new Cleanup();
    const troubles: unknown[] = [];
    try {
      await body(await StallScene.#start(name, attach, cleanup));
    } catch (error) {
      troubles.push(error);
    }
    await cleanup.run((trouble) => troubles.push(new Error(trouble)));
    if (troubles.length > 1) throw new AggregateError(troubles, troubles.map(String).join('; then '));
    if (troubles.length > 0) throw troubles[0];
    await assertNothingLeft(name, before);
  }

  static async #start(name: string, attach: Partial<AttachOptions>, cleanup: Cleanup): Promise<StallScene> {
    const { subject: array } = await Subject.start('array', cleanup);
    const url = await array.call('array.start', { options: { ports, sizeBytes: 64 * mebi } });
    const { subject: host } = await Subject.start('host', cleanup);
    // Whatever is stopped goes on before it is asked to end.
    cleanup.add(() => void process.kill(host.pid, 'SIGCONT'));
    await host.call('host.start', { reactors: reactors.length });
    const options: AttachOptions = { name, kernelDevice: 'fuse', isNew: true, flapLimit: 0, ...attach };
    return new StallScene(host, await host.call('host.attach', { urls: [url], options }));
  }

  view(): Promise<DeviceView> {
    return this.#host.call('host.view', this.#name);
  }

  /** Requests that ended so far. */
  async ended(): Promise<number> {
    const { reads, writes } = (await this.view()).counters;
    return reads + writes;
  }

  /** It stands still for so long. Says how many milliseconds that really were. */
  async stop(victim: Victim, milliseconds: number): Promise<number> {
    const { pid } = this.#host;
    const begin = performance.now();
    if (victim === 'process') {
      process.kill(pid, 'SIGSTOP');
      try {
        await sleep(milliseconds);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    } else {
      await stopThread(pid, threadOf(pid, victim), () => sleep(milliseconds));
    }
    return performance.now() - begin;
  }

  /** All paths carry I/O, no fence is waited for, and requests end. */
  async recovered(bound: number): Promise<number> {
    const begin = performance.now();
    await until(
      'paths and fences',
      async () => {
        const { paths, fences } = await this.view();
        return fences.length === 0 && paths.every(({ state }) => state === 'live-optimized');
      },
      bound,
    );
    const before = await this.ended();
    await until('requests that end', async () => (await this.ended()) > before + 100, bound);
    return performance.now() - begin;
  }

  /** The block checker on the device, for as long as `meanwhile` lasts: that is told beforehand, in milliseconds. */
  async checked(milliseconds: number, meanwhile: () => Promise<void>): Promise<CheckReport> {
    const { device } = this;
    const job = { device, seed: stormSeed, milliseconds, blockBytes: 4096, blocks: 2048, largest: 8, depth: 32 };
    const check = checkDevice(job, async (bound, command, ...args) => {
      const { code, stdout, stderr } = await attempt(command, args, bound / 1000);
      if (code !== 0) throw new Error(`the checker ended with ${code}: ${stderr}`);
      return stdout;
    });
    // Whatever fails first is told; its end is awaited below.
    check.catch(() => {});
    try {
      const before = await this.ended();
      await until('the first requests', async () => (await this.ended()) > before + 100);
      await meanwhile();
    } catch (error) {
      await check.catch(() => {});
      throw error;
    }
    return await check;
  }
}

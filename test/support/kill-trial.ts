/**
 * The program that serves a device is killed again and again under verified I/O, and started again each time: the I/O goes
 * on, without an error, without a wrong byte, and at the end nothing is left. Runs wherever the program does, also in a
 * guest: everything is a process of its own, as a user has it.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/base/random.ts';
import { defaultPlaces } from '../../src/kernel/places.ts';
import { isAlive, type ProcessIdentity } from '../../src/kernel/process-identity.ts';
import { readRecord } from '../../src/kernel/record.ts';
import { startArray } from '../../src/demo/array-thread.ts';
import { callControl } from '../../src/host/control-client.ts';
import { listInstances } from '../../src/host/instances.ts';
import { clearLeftBehind } from '../../src/host/left-behind.ts';
import { freshName, type Running, startReady, traces } from './cli.ts';
import { attempt, type Outcome } from './commands.ts';

const mebi = 2 ** 20;

export interface KillTrial {
  readonly kernelDevice: 'ublk' | 'nbd' | 'fuse';
  readonly kills: number;
  readonly seed: number;
  /** How long the load runs untroubled before each kill, milliseconds: between half of it and all of it. */
  readonly between: number;
  /** Of `attach`, besides. */
  readonly words?: readonly string[];
  readonly sizeBytes?: number;
  readonly depth?: number;
  /** What is done with the device before the load. */
  readonly first?: (device: string) => Promise<void>;
}

export interface KillReport extends LoadFigures {
  /** Milliseconds from each kill until the next process said that it serves. */
  readonly restarts: readonly number[];
  readonly device: string;
}

/** Tasks of any process that are in uninterruptible sleep, by name. */
export function stuckTasks(): string[] {
  const stuck: string[] = [];
  for (const pid of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const close = stat.lastIndexOf(')');
      if (stat[close + 2] === 'D' && fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '') {
        stuck.push(`${pid} ${stat.slice(stat.indexOf('(') + 1, close)}`);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return stuck;
}

function verifiedLoad(device: string, seed: number, bytes: number, depth: number, folder: string): Promise<Outcome> {
  const words = [
    '--name=verify',
    '--thread',
    `--filename=${device}`,
    '--ioengine=libaio',
    '--direct=1',
    '--rw=randrw',
    '--bsrange=4k-64k',
    '--blockalign=4k',
    `--iodepth=${depth}`,
    `--size=${bytes}`,
    '--serialize_overlap=1',
    '--verify=crc32c',
    '--verify_backlog=64',
    '--verify_fatal=1',
    '--verify_state_save=0',
    `--randseed=${seed}`,
    '--time_based',
    '--runtime=3600',
    '--status-interval=3600',
    `--trigger-file=${folder}/stop`,
    `--aux-path=${folder}`,
    '--output-format=json',
  ];
  return attempt('fio', words, 3600);
}

export interface LoadPlan {
  readonly device: string;
  readonly seed: number;
  readonly sizeBytes: number;
  readonly depth: number;
}

export interface LoadFigures {
  /** Requests that the load finished. */
  readonly requests: number;
  /** The longest time that one of them took, milliseconds. */
  readonly slowest: number;
}

/**
 * Verified I/O on a device for as long as `work` takes; `isOver` tells that it has ended before. It has to end well.
 */
export async function withVerifiedLoad(
  { device, seed, sizeBytes, depth }: LoadPlan,
  work: (isOver: () => boolean) => Promise<void>,
): Promise<LoadFigures> {
  const folder = fs.mkdtempSync('/tmp/causeway-load-');
  const load = verifiedLoad(device, seed, sizeBytes, depth, folder);
  let over = false;
  void load.then(() => (over = true));
  try {
    await work(() => over);
    assert.equal(over, false, 'the load ended too early');
    fs.writeFileSync(`${folder}/stop`, '');
    const { code, stdout, stderr } = await load;
    assert.equal(code, 0, `the load ended with ${code}: ${stderr.slice(-800)}${stdout.slice(0, 400)}`);
    return figures(stdout);
  } finally {
    fs.writeFileSync(`${folder}/stop`, '');
    if (over) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs it all. Throws what went wrong, with the seed. */
export async function killTrial(trial: KillTrial): Promise<KillReport> {
  const random = new Random(trial.seed);
  const sizeBytes = trial.sizeBytes ?? 64 * mebi;
  const name = freshName();
  const processes: Running[] = [];
  const array = await startArray({ ports: 2, sizeBytes });
  const attach = async (): Promise<string> => {
    const words = [array.url, '--name', name, '--kernel-device', trial.kernelDevice];
    const { running, ready } = await startReady('attach', ...words, ...(trial.words ?? []));
    processes.push(running);
    return ready.device;
  };
  try {
    const device = await attach();
    await trial.first?.(device);
    const restarts: number[] = [];
    const plan = { device, seed: trial.seed, sizeBytes, depth: trial.depth ?? 16 };
    const load = await withVerifiedLoad(plan, async (isOver) => {
      for (let kill = 0; kill < trial.kills; kill += 1) {
        await sleep(trial.between / 2 + random.below(trial.between / 2));
        assert.ok(!isOver(), `the load ended before kill ${kill + 1}`);
        const victim = processes.at(-1);
        victim?.kill('SIGKILL');
        await victim?.ended;
        const died = performance.now();
        assert.equal(await attach(), device, 'the next process serves another device');
        restarts.push(Math.round(performance.now() - died));
      }
      await sleep(trial.between);
    });
    const keeper = keeperOf(name);
    await callControl(name, 'detach', {}, 120_000);
    assert.equal((await processes.at(-1)?.ended)?.code, 0);
    assert.deepEqual(traces(name), []);
    const size = `/sys/block/${device.slice('/dev/'.length)}/size`;
    assert.ok(!fs.existsSync(size) || Number(fs.readFileSync(size, 'utf8')) === 0, 'an orphan is left');
    assert.ok(keeper === null || !isAlive(keeper), 'the keeper of /dev/fuse is left');
    assert.deepEqual(stuckTasks(), []);
    return { restarts, device, ...load };
  } catch (error) {
    throw new Error(`kill trial with seed ${trial.seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    for (const running of processes) running.kill('SIGKILL');
    await Promise.all(processes.map(({ ended }) => ended));
    if (listInstances().some((entry) => entry.name === name)) await clearLeftBehind(name, true);
    await array.stop();
  }
}

/** The process that keeps the connection of a FUSE device, if it has one. */
export function keeperOf(name: string): ProcessIdentity | null {
  const record = readRecord(defaultPlaces, name);
  assert.ok(record !== null && record !== 'damaged', 'the device has no record');
  return record.traces.kind === 'fuse' ? record.traces.keeper : null;
}

function figures(json: string): LoadFigures {
  const numbers = (pattern: RegExp): number[] => [...json.matchAll(pattern)].map((match) => Number(match[1]));
  const requests = numbers(/"total_ios" : (\d+)/g).reduce((sum, count) => sum + count, 0);
  // The first maximum of a direction is that of its submission; the largest of all is what a request took.
  const slowest = Math.max(0, ...numbers(/"max" : (\d+)/g)) / 1e6;
  return { requests, slowest: Math.round(slowest) };
}

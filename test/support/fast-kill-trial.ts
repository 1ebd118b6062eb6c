/** A device that does not survive its program (`--fast`): each kill ends the I/O with an error, soon, and nothing hangs. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/base/random.ts';
import { causeway, freshName, type Running, startReady, traces } from './cli.ts';
import { attempt } from './commands.ts';
import { stuckTasks } from './kill-trial.ts';

/** From the kill to the error, milliseconds. */
const errorWithin = 5_000;

export interface FastKillTrial {
  readonly kills: number;
  readonly seed: number;
}

/** Milliseconds from each kill until the load had ended with an error. */
export async function fastKillTrial({ kills, seed }: FastKillTrial): Promise<readonly number[]> {
  const random = new Random(seed);
  const [array, name] = [freshName(), freshName()];
  const arrayRun = await startReady('array', '--name', array, '--port', '0', '--ports', '2', '--size', '64m');
  const times: number[] = [];
  let last: Running | null = null;
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const words = [arrayRun.ready.url ?? '', '--name', name, '--kernel-device', 'fuse', '--fast'];
      const { running, ready } = await startReady('attach', ...words);
      last = running;
      const load = attempt('fio', [
        '--name=load',
        '--thread',
        `--filename=${ready.device}`,
        '--ioengine=io_uring',
        '--direct=1',
        '--rw=randrw',
        '--bs=4k',
        '--iodepth=32',
        '--time_based',
        '--runtime=60',
      ]);
      await sleep(500 + random.below(1000));
      running.kill('SIGKILL');
      const begin = performance.now();
      const { code } = await load;
      const took = performance.now() - begin;
      assert.notEqual(code, 0, `seed ${seed}: the load went on after kill ${kill + 1}`);
      assert.ok(took < errorWithin, `seed ${seed}: the error came after ${Math.round(took)} ms`);
      times.push(Math.round(took));
      await running.ended;
    }
    const { code, stderr } = await causeway('detach', name);
    assert.equal(code, 0, stderr);
    assert.deepEqual(traces(name), []);
    assert.deepEqual(stuckTasks(), []);
    return times;
  } finally {
    last?.kill('SIGKILL');
    await causeway('detach', name, '--force');
    arrayRun.running.kill('SIGTERM');
    await arrayRun.running.ended;
  }
}

/** Several volumes of one subsystem as kernel devices: the same controllers serve them, and none suffers from another. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { ServedVolume } from '../../src/host/served-volume.ts';
import { type FioReport, runFio } from '../support/fio.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';

const mebi = 2 ** 20;
const seconds = 8;
const needs = ['root', 'io_uring', 'fuse', 'loop', 'fio'] as const;

function scene(label: string): SceneOptions {
  const volumes = [1, 2, 3].map((nsid) => ({ nsid, name: `volume-${nsid}`, sizeBytes: 64 * mebi, blockBytes: 4096 }));
  return { label, bound: 90_000, array: { ports: 3, advanced: { volumes } } };
}

function attach(it: Scene, nsid: number): Promise<ServedVolume> {
  const options = { kernelDevice: 'fuse', isNew: true, flapLimit: 0 } as const;
  return it.host.attach([`${it.array.url}?nsid=${nsid}`], { name: `${it.name}-${nsid}`, ...options });
}

function load(it: Scene, volume: ServedVolume, seed: number): Promise<FioReport> {
  return runFio(it, { seed, seconds, file: volume.path, bytes: 32 * mebi, depth: 16 });
}

function assertSound({ ioErrors, error, reads, writes, text }: FioReport): void {
  assert.deepEqual({ ioErrors, error }, { ioErrors: 0, error: 0 }, text);
  assert(reads > 0 && writes > 0, text);
}

async function controllers(it: Scene): Promise<number> {
  return (await it.array.stats()).controllers.filter(({ ended }) => !ended).length;
}

function losses(volume: ServedVolume): number {
  return volume.view().paths.reduce((sum, path) => sum + path.losses, 0);
}

test('paths are lost under all volumes, and one volume is detached and attached meanwhile', requires(...needs), () =>
  withScene(scene('shared'), async (it) => {
    const [one, two] = [await attach(it, 1), await attach(it, 2)];
    let third = await attach(it, 3);
    assert.equal(await controllers(it), 3);
    const loads = [load(it, one, 1), load(it, two, 2)];
    await sleep(1_000);
    await third.detach();
    third = await attach(it, 3);
    await it.array.setPort(0, 'closed');
    await it.until(5_000, 'the loss', () => [one, two, third].every((volume) => losses(volume) > 0));
    await third.detach();
    await sleep(500);
    await it.array.setPort(0, 'open');
    await it.until(10_000, 'the path', () => one.view().paths.every(({ state }) => state === 'live-optimized'));
    third = await attach(it, 3);
    await it.array.fault('cutPort', [2]);
    for (const report of await Promise.all(loads)) assertSound(report);
    await it.until(10_000, 'all paths', () =>
      [one, two, third].every((volume) => volume.view().paths.every(({ state }) => state === 'live-optimized')),
    );
    assert.equal(await controllers(it), 3);
    for (const volume of [one, two]) await volume.detach();
    assert.equal(await controllers(it), 3);
    await third.detach();
    await it.until(5_000, 'the end of the controllers', async () => (await controllers(it)) === 0);
  }),
);

test('a volume is taken away by force from a port that swallows all: the other loses nothing', requires(...needs), () =>
  withScene(scene('shared-force'), async (it) => {
    const [one, two] = [await attach(it, 1), await attach(it, 2)];
    const kept = load(it, one, 3);
    const lost = load(it, two, 4);
    await sleep(1_000);
    await it.array.setPort(0, 'blackholed');
    await it.until(5_000, 'requests that hang', () => (two.view().paths[0]?.counters.inFlight ?? 0) > 0);
    const begin = performance.now();
    await two.detach({ force: true });
    const took = performance.now() - begin;
    assert(took < 10_000, `the forced detach took ${Math.round(took)} ms`);
    assert.notEqual((await lost).ioErrors + (await lost).error, 0, 'who used the volume heard nothing of its end');
    assertSound(await kept);
    await it.array.setPort(0, 'open');
    await it.until(10_000, 'the path', () => one.view().paths.every(({ state }) => state === 'live-optimized'));
    await one.detach();
  }),
);

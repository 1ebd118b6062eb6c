/** fio with verification on a scene's device in bad weather, and what came of it. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { type FioJob, type FioReport, runFio } from './fio.ts';
import { Pulse } from './pulse.ts';
import type { Scene } from './scene.ts';

const mebi = 2 ** 20;

/** To repeat a run: CAUSEWAY_TEST_SEED=<the seed it printed>. */
export const stormSeed = Number(process.env['CAUSEWAY_TEST_SEED'] ?? randomInt(2 ** 31));

export interface Outcome {
  readonly fio: FioReport;
  readonly pulse: Pulse;
  /** How often a path was lost. */
  readonly losses: number;
  /** How often each kind of fence was there. */
  readonly fences: ReadonlyMap<string, number>;
  /** Writes that the array executed after their connection had died. */
  readonly ghosts: number;
}

/** How long before fio's end the weather ends, so that the last requests meet open paths. */
const calmSeconds = 3;

/** fio for so many seconds, and `weather` for nearly as long. Says what happened; judges nothing. */
export async function fioIn(
  scene: Scene,
  job: Partial<FioJob> & { readonly seconds: number },
  weather: (milliseconds: number) => Promise<unknown>,
): Promise<Outcome> {
  const work = runFio(scene, { seed: stormSeed, bytes: 64 * mebi, ...job });
  // Whatever the weather does, the work's end is awaited below.
  work.catch(() => undefined);
  await scene.until(10_000, 'the first request', () => scene.volume.view().counters.writes > 0);
  const pulse = new Pulse(scene.volume);
  try {
    await Promise.race([weather((job.seconds - calmSeconds) * 1000), work]);
  } finally {
    pulse.stop();
  }
  const fio = await work;
  const losses = scene.volume.view().paths.reduce((sum, path) => sum + path.losses, 0);
  const fences = new Map<string, number>();
  for (const { event, message } of scene.events) {
    const how = event === 'fence' ? /\(([^)]+)\)/.exec(message)?.[1] : undefined;
    if (how !== undefined) fences.set(how, (fences.get(how) ?? 0) + 1);
  }
  const { ghostsExecuted: ghosts } = await scene.array.stats();
  return { fio, pulse, losses, fences, ghosts };
}

/** One line for people. */
export function describeOutcome(scene: Scene, { fio, pulse, losses, fences, ghosts }: Outcome): string {
  const { counters } = scene.volume.view();
  return [
    `seed ${stormSeed}: ${fio.reads} reads, ${fio.writes} writes, slowest ${Math.round(fio.slowest)} ms`,
    `${losses} path losses, ${counters.retries} retries, ${counters.everHeld} held writes, ${ghosts} executed late`,
    `fences: ${[...fences].map(([how, count]) => `${count} ${how}`).join(', ') || 'none'}`,
    `longest stall with a path ${Math.round(pulse.longestStall)} ms`,
    `no path ${pulse.darks} times, at most ${Math.round(pulse.longestDark)} ms, then up to ${pulse.mostWaiting} waited` +
      ` and went on after ${Math.round(pulse.slowestReturn)} ms`,
  ].join('; ');
}

/** No error, no wrong byte, nothing left waiting, nothing answered while there was no path, and no stall beyond `stall`. */
export function assertHarmless(scene: Scene, outcome: Outcome, stall: number): void {
  const { fio, pulse } = outcome;
  const { errors, waiting, held } = scene.volume.view().counters;
  assert.deepEqual(
    { fioError: fio.error, ioErrors: fio.ioErrors, errors, waiting, held, endedInTheDark: pulse.endedInTheDark },
    { fioError: 0, ioErrors: 0, errors: 0, waiting: 0, held: 0, endedInTheDark: 0 },
    `seed ${stormSeed}: ${fio.text}`,
  );
  const longest = Math.round(pulse.longestStall);
  assert(longest <= stall, `seed ${stormSeed}: no request ended for ${longest} ms although a path lived`);
}

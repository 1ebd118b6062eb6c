/** A verifying load on a scene's device in bad weather, and what came of it. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { runChecker } from './block-checker.ts';
import { runFio } from './fio.ts';
import { Pulse } from './pulse.ts';
import type { Scene } from './scene.ts';

const mebi = 2 ** 20;

/** To repeat a run: CAUSEWAY_TEST_SEED=<the seed it printed>. */
export const stormSeed = Number(process.env['CAUSEWAY_TEST_SEED'] ?? randomInt(2 ** 31));

/** What the load says in the end. */
interface LoadReport {
  readonly reads: number;
  readonly writes: number;
  /** Milliseconds, the slowest request as the load saw it. */
  readonly slowest: number;
  /** Requests that failed, blocks that were not as they had to be, and what is known of that. */
  readonly errors: number;
  readonly wrong: number;
  readonly text: string;
}

/** Something that keeps requests under way on the scene's device for so many seconds. */
export type Load = (scene: Scene, seconds: number) => Promise<LoadReport>;

/** fio, with crc32c verification and mixed sizes, 32 requests at once. */
export const fioLoad: Load = async (scene, seconds) => {
  const { error, ioErrors, ...report } = await runFio(scene, { seed: stormSeed, bytes: 64 * mebi, seconds });
  // EILSEQ is fio's word for a block that is not as it wrote it.
  return { ...report, errors: ioErrors + (error === 0 || error === 84 ? 0 : 1), wrong: error === 84 ? 1 : 0 };
};

/** The block checker, on few blocks, so that each is written again and again and read between. */
export const checkerLoad: Load = async (scene, seconds) => {
  const job = { seed: stormSeed, milliseconds: seconds * 1000, blockBytes: 4096, blocks: 2048, largest: 8, depth: 32 };
  const { firstError, firstWrong, ...report } = await runChecker(scene, job);
  return { ...report, text: `${firstError} ${firstWrong}`.trim() };
};

export interface Outcome {
  readonly report: LoadReport;
  readonly pulse: Pulse;
  /** How often a path was lost. */
  readonly losses: number;
  /** How often each kind of fence was there. */
  readonly fences: ReadonlyMap<string, number>;
  /** Writes that the array executed after their connection had died. */
  readonly ghosts: number;
}

/** How long before the load's end the weather ends, so that the last requests meet open paths. */
const calmSeconds = 3;

/** The load for so many seconds, and `weather` for nearly as long. Says what happened; judges nothing. */
export async function loadIn(
  scene: Scene,
  load: Load,
  seconds: number,
  weather: (milliseconds: number) => Promise<unknown>,
): Promise<Outcome> {
  const work = load(scene, seconds);
  // Whatever the weather does, the work's end is awaited below.
  work.catch(() => undefined);
  await scene.until(10_000, 'the first request', () => scene.volume.view().counters.writes > 0);
  const pulse = new Pulse(scene.volume);
  try {
    await Promise.race([weather((seconds - calmSeconds) * 1000), work]);
  } finally {
    pulse.stop();
  }
  const report = await work;
  const losses = scene.volume.view().paths.reduce((sum, path) => sum + path.losses, 0);
  const fences = new Map<string, number>();
  for (const { event, message } of scene.events) {
    const how = event === 'fence' ? /\(([^)]+)\)/.exec(message)?.[1] : undefined;
    if (how !== undefined) fences.set(how, (fences.get(how) ?? 0) + 1);
  }
  const { ghostsExecuted: ghosts } = await scene.array.stats();
  return { report, pulse, losses, fences, ghosts };
}

/** One line for people. */
export function describeOutcome(scene: Scene, { report, pulse, losses, fences, ghosts }: Outcome): string {
  const { counters } = scene.volume.view();
  return [
    `seed ${stormSeed}: ${report.reads} reads, ${report.writes} writes, slowest ${Math.round(report.slowest)} ms`,
    `${losses} path losses, ${counters.retries} retries, ${counters.everHeld} held, ${counters.everQuarantined} quarantined, ` +
      `${counters.everGated} kept waiting by that, ${ghosts} executed late`,
    `fences: ${[...fences].map(([how, count]) => `${count} ${how}`).join(', ') || 'none'}`,
    `longest stall with a path ${Math.round(pulse.longestStall)} ms`,
    `no path ${pulse.darks} times, at most ${Math.round(pulse.longestDark)} ms, then up to ${pulse.mostWaiting} waited` +
      ` and went on after ${Math.round(pulse.slowestReturn)} ms`,
  ].join('; ');
}

/** No error, no wrong byte, nothing left waiting, and no stall beyond `stall` milliseconds while a path lived. */
export function assertHarmless(scene: Scene, outcome: Outcome, stall: number): void {
  const { report, pulse } = outcome;
  const { wrong, errors } = report;
  const { errors: deviceErrors, waiting, held, gated } = scene.volume.view().counters;
  assert.deepEqual(
    { wrong, errors, deviceErrors, waiting, held, gated },
    { wrong: 0, errors: 0, deviceErrors: 0, waiting: 0, held: 0, gated: 0 },
    `seed ${stormSeed}: ${report.text}`,
  );
  const longest = Math.round(pulse.longestStall);
  assert(longest <= stall, `seed ${stormSeed}: no request ended for ${longest} ms although a path lived`);
}

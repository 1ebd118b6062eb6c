/**
 * Ghosts in the real array, with writes racing them: again and again a path is lost under writes that the array has, and
 * carries out late, after they were sent again, answered, and written over (as far as the device lets them).
 */
import assert from 'node:assert/strict';
import { Random } from '../../src/base/random.ts';
import type { GhostWrites } from '../../src/multipath/options.ts';
import { GhostRacer, rangeBytes, type RaceReport } from './ghost-racer.ts';
import { type Scene, type SceneOptions, withScene } from './scene.ts';
import { stormSeed } from './verified-storm.ts';

export interface RacePlan {
  readonly mode: GhostWrites;
  readonly losses: number;
  /** Writes that are lost with each path. */
  readonly ranges: number;
  /** KATO, and CQT: what the array says it needs after that. Milliseconds. */
  readonly kato: number;
  readonly cqt: number;
}

export interface RaceOutcome extends RaceReport {
  readonly ghosts: number;
  readonly fences: number;
  /** Writes that had to wait for a fence: those that overlapped one in quarantine, and those that were held. */
  readonly gated: number;
  readonly held: number;
  readonly seconds: number;
}

const ports = 2;
/** Longer than anything here takes: a write that is held so long comes as a ghost, or not at all. Milliseconds. */
const heldMilliseconds = 600_000;
/** A ghost comes so much before the time is over within which the array has promised that it comes, milliseconds. */
const promiseMargin = 300;
/** When the first may come: what races it has to have been answered, where nothing makes it wait. Milliseconds. */
const earliest = 300;
/** What a loss may take beyond its fence, milliseconds. */
const slack = 30_000;

/** Each loss has ranges of its own, so that in the end all of them are read once more. */
export async function raceGhosts(plan: RacePlan): Promise<RaceOutcome> {
  let outcome: RaceOutcome | undefined;
  await withScene(sceneOf(plan), async (it) => {
    const job = { device: it.device, seed: stormSeed, ranges: plan.losses * plan.ranges, atOnce: plan.ranges };
    outcome = await GhostRacer.with(job, (racer) => race(it, racer, plan));
  });
  assert(outcome !== undefined);
  return outcome;
}

function fenceMilliseconds({ kato, cqt }: RacePlan): number {
  return 2 * kato + cqt;
}

function sceneOf(plan: RacePlan): SceneOptions {
  const { mode, losses, ranges, kato, cqt } = plan;
  return {
    label: `ghost-race-${mode[0]}`,
    bound: losses * (fenceMilliseconds(plan) + slack),
    array: {
      ports,
      sizeBytes: losses * ranges * rangeBytes,
      crossControllerReset: false,
      commandQuiesceTime: cqt,
    },
    // All writes go over one path, so that all are lost with it; it is not left although it does not answer them.
    attach: { kernelDevice: 'fuse', selector: 'failover-only', suspectAfter: 0, ghostWrites: mode, keepAlive: kato },
  };
}

async function race(it: Scene, racer: GhostRacer, plan: RacePlan): Promise<RaceOutcome> {
  const random = new Random(stormSeed);
  const begin = performance.now();
  for (let loss = 1; loss <= plan.losses; loss += 1) {
    const latest = fenceMilliseconds(plan) - promiseMargin;
    await loseOnce(it, racer, plan, loss, earliest + random.below(latest - earliest));
  }
  const report = await racer.verify();
  const { everGated, everHeld } = it.volume.view().counters;
  return {
    ...report,
    ghosts: (await it.array.stats()).ghostsExecuted,
    fences: it.events.filter(({ event, message }) => event === 'fence' && message.includes('(time)')).length,
    gated: everGated,
    held: everHeld,
    seconds: (performance.now() - begin) / 1000,
  };
}

async function loseOnce(it: Scene, racer: GhostRacer, plan: RacePlan, loss: number, delay: number): Promise<void> {
  const { array } = it;
  const all = Array.from({ length: ports }, (_unused, index) => index + 1);
  for (const port of all) {
    await array.fault('delayExecution', [port, { milliseconds: heldMilliseconds, writesOnly: true }]);
    await array.fault('ghostWrites', [port, { milliseconds: delay }]);
  }
  await racer.begin();
  const full = (): number => it.volume.view().paths.findIndex(({ counters }) => counters.inFlight === plan.ranges);
  await it.until(slack, `${plan.ranges} writes on one path`, () => full() !== -1);
  const lost = full() + 1;
  for (const port of all) {
    if (port !== lost) await array.fault('delayExecution', [port, { milliseconds: 0 }]);
  }
  await array.fault('cutPort', [lost]);
  await racer.finish();
  const executed = async (): Promise<boolean> => (await array.stats()).ghostsExecuted >= loss * plan.ranges;
  await it.until(slack, `${plan.ranges} ghosts`, executed);
  await it.until(slack, 'both paths, and the fence', () => {
    const { paths, fences } = it.volume.view();
    return fences.length === 0 && paths.every(({ state }) => state === 'live-optimized');
  });
}

/** One line for people. */
export function describeRace({ mode }: RacePlan, outcome: RaceOutcome): string {
  const { written, overwritten, ghosts, wrong, errors, fences, gated, held, seconds } = outcome;
  return (
    `${mode}, seed ${stormSeed}: ${ghosts} ghosts of ${written} writes, ${overwritten} writes over them, ` +
    `${gated} waited for a fence, ${held} were held until one, ${fences} fences by time; ` +
    `${errors} errors, ${wrong} blocks wrong; ${seconds.toFixed(0)} s`
  );
}

/** All ghosts came, and all that raced them was answered. On a slow machine paths may be lost besides. */
export function assertRaced(plan: RacePlan, outcome: RaceOutcome): void {
  const { ghosts, written, overwritten, errors, firstError, fences } = outcome;
  const all = plan.losses * plan.ranges;
  assert.deepEqual({ written, overwritten, errors }, { written: all, overwritten: all, errors: 0 }, firstError);
  assert(ghosts >= all, `only ${ghosts} ghosts came`);
  assert(fences >= plan.losses, `only ${fences} fences by time`);
}

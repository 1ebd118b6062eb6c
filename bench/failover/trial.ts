/** One path is taken away under load, and given back: what each request took before and after. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FabricPair } from '../fabric-pair.ts';
import { longestBetween, type Stall } from './latency-log.ts';
import { type LoggedLoad, runLogged } from './logged-load.ts';
import { settled, until, viewOf } from './look.ts';

export interface TrialPlan {
  /** Closed: RST, then refused. Swallowed: the connection stands, and nothing comes back. */
  readonly fault: 'closePort' | 'swallowPort';
  /** From 1. */
  readonly port: number;
  /** How long what happens after the loss is looked at, milliseconds. */
  readonly window: number;
}

/** The longest requests of a window, by kind. */
export interface Stalls {
  readonly reads: Stall;
  /** Writes that overlap nothing. */
  readonly writes: Stall;
  /** Writes to blocks that are written all the time. */
  readonly same: Stall;
}

export interface Trial {
  readonly before: Stalls;
  readonly after: Stalls;
  /** Milliseconds from the loss until the last command was sent over that path, as far as its counters tell. */
  readonly lastSent: number;
  /** Commands that had to be sent again, and ranges that were put into quarantine because of it. */
  readonly retries: number;
  readonly quarantined: number;
  /** Requests that failed. */
  readonly errors: number;
}

/** How long what happens before the loss is looked at, for comparison. Milliseconds. */
const controlWindow = 1000;
/** After the load has begun, before the first window: engines compile, caches fill. Milliseconds. */
const settling = 800;
/**
 * Our array answers at once what it has read; most of the time nothing lies on it. Shortly before the loss it answers a
 * little later on that port, so that the loss meets commands that were carried out and not answered. Milliseconds.
 */
const lateAnswers = 1;
const lateFor = 100;
/** The load goes on for so long after the last window, seconds. */
const tail = 0.3;
/** Between two looks at the path's counters. Milliseconds. */
const lookEvery = 50;

export async function runTrial(pair: FabricPair, plan: TrialPlan): Promise<Trial> {
  const before = await settled(pair);
  const seconds = (settling + controlWindow + lateFor + plan.window) / 1000 + tail;
  const load = runLogged(before.device, before.sizeBytes, seconds);
  // Whatever fails first is told; the load's end is awaited in any case.
  load.catch(() => {});
  try {
    await until('the first request', async () => (await viewOf(pair)).counters.reads > before.counters.reads);
    await sleep(settling);
    const controlAt = Date.now();
    await sleep(controlWindow);
    await pair.array.call('array.fault', { name: 'delayAnswers', args: [plan.port, lateAnswers] });
    await sleep(lateFor);
    const lostAt = Date.now();
    await pair.array.call('array.fault', { name: plan.fault, args: [plan.port] });
    const lastSent = await watchPath(pair, plan, lostAt);
    const logs = await load;
    await openAgain(pair, plan);
    const after = await settled(pair);
    return {
      before: stallsBetween(logs, controlAt, controlAt + controlWindow - 1),
      after: stallsBetween(logs, lostAt, lostAt + plan.window),
      lastSent,
      retries: after.counters.retries - before.counters.retries,
      quarantined: after.counters.everQuarantined - before.counters.everQuarantined,
      errors: after.counters.errors - before.counters.errors,
    };
  } finally {
    await openAgain(pair, plan);
    await load.catch(() => {});
  }
}

async function openAgain(pair: FabricPair, plan: TrialPlan): Promise<void> {
  await pair.array.call('array.fault', { name: 'delayAnswers', args: [plan.port, 0] });
  await pair.array.call('array.fault', { name: 'openPort', args: [plan.port] });
}

function stallsBetween({ apart, same }: LoggedLoad, from: number, to: number): Stalls {
  const reads = apart.filter(({ isWrite }) => !isWrite);
  const writes = apart.filter(({ isWrite }) => isWrite);
  return {
    reads: longestBetween(reads, from, to),
    writes: longestBetween(writes, from, to),
    same: longestBetween(same, from, to),
  };
}

/** Looks at the path until the window is over: when was the last command sent over it? */
async function watchPath(pair: FabricPair, plan: TrialPlan, lostAt: number): Promise<number> {
  // A path that is closed is not worth disturbing the machine for: nothing can be sent over it.
  if (plan.fault === 'closePort') {
    await sleep(lostAt + plan.window - Date.now());
    return 0;
  }
  let last = 0;
  // Whatever was sent before the first look counts as sent until then.
  let known = -1;
  while (Date.now() < lostAt + plan.window) {
    const counters = (await viewOf(pair)).paths[plan.port - 1]?.counters;
    if (counters === undefined) throw new Error(`the volume has no path ${plan.port}`);
    const sent = counters.reads + counters.writes + counters.others + counters.inFlight;
    if (sent > known) last = Date.now() - lostAt;
    known = sent;
    await sleep(lookEvery);
  }
  return last;
}

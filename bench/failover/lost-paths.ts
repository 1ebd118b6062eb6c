/** The longest that requests take when their path is closed, or swallows what it is given, while three others live. */
import type { Goal, TitledTable } from '../case.ts';
import { fabricPair, type PairOptions } from '../fabric-pair.ts';
import type { Rig } from '../rig.ts';
import { summarize } from '../summary.ts';
import { shortNumber } from '../table.ts';
import { paths, volumeBytes } from './scene.ts';
import { runTrial, type Stalls, type Trial, type TrialPlan } from './trial.ts';

const losses = 10;
const quickLosses = 2;
/** What closed paths may cost, and swallowed ones; milliseconds. */
const wantedClosed = 20;
const wantedReads = 250;
const wantedWrites = 2000;
const wantedOff = 1000;
const katoMilliseconds = 1000;
const quiesceMilliseconds = 1000;
/** After that time a controller that nobody can reset is fenced; then the write that waited has to be carried out. */
const fenceMilliseconds = 2 * katoMilliseconds + quiesceMilliseconds;
const carriedOut = 100;

interface Situation {
  readonly name: string;
  readonly plan: Omit<TrialPlan, 'port'>;
  readonly options: PairOptions;
}

/** They lose paths much oftener than a path may be lost that is trusted. */
const trusting = { flapLimit: 0 } as const;

const closedReset: Situation = {
  name: 'closed; cross-controller reset',
  plan: { fault: 'closePort', window: 1000 },
  options: { attach: trusting },
};
const closedAlone: Situation = {
  name: 'closed; fenced by time alone',
  plan: { fault: 'closePort', window: 1000 },
  options: {
    array: { crossControllerReset: false },
    attach: { ...trusting, keepAlive: katoMilliseconds, quiesceTime: quiesceMilliseconds },
  },
};
const swallowed: Situation = {
  name: 'swallowed; default time-outs',
  plan: { fault: 'swallowPort', window: 3000 },
  options: { attach: trusting },
};

const kinds = ['reads', 'writes', 'same'] as const satisfies readonly (keyof Stalls)[];
const kindNames = { reads: 'reads', writes: 'writes', same: 'overlapping writes' } as const;

export interface LostPaths {
  readonly table: TitledTable;
  readonly goals: readonly Goal[];
  readonly trials: Readonly<Record<string, readonly Trial[]>>;
}

export async function measureLostPaths(rig: Rig): Promise<LostPaths> {
  const closed = await lose(rig, closedReset);
  const alone = await lose(rig, closedAlone);
  const silent = await lose(rig, swallowed);
  const rows = [...rowsOf(closedReset, closed), ...rowsOf(closedAlone, alone), ...rowsOf(swallowed, silent)];
  const count = closed.length;
  return {
    table: {
      title: `Longest that a request took, ms: of ${count} losses, and of ${count} seconds of the same load before them`,
      head: ['path', 'requests', 'median', 'least', 'most', 'before: median', 'most'],
      rows,
    },
    goals: [...closedGoals(closed, alone), ...silentGoals(silent), noErrors([...closed, ...alone, ...silent])],
    trials: { [closedReset.name]: closed, [closedAlone.name]: alone, [swallowed.name]: silent },
  };
}

async function lose(rig: Rig, { name, plan, options }: Situation): Promise<Trial[]> {
  rig.say(`path ${name}`);
  const pair = await fabricPair(rig, paths, 'fuse', {
    pinned: false,
    ...options,
    array: { sizeBytes: volumeBytes, ...options.array },
  });
  const trials: Trial[] = [];
  const count = rig.quick ? quickLosses : losses;
  for (let loss = 0; loss < count; loss += 1) trials.push(await runTrial(pair, { ...plan, port: (loss % paths) + 1 }));
  if (trials.every(({ retries }) => retries === 0)) throw new Error('no path was lost with commands under way');
  await pair.end();
  return trials;
}

function rowsOf({ name }: Situation, trials: readonly Trial[]): string[][] {
  return kinds.map((kind, place) => {
    const after = summarize(trials.map((trial) => trial.after[kind].longest));
    const before = summarize(trials.map((trial) => trial.before[kind].longest));
    const figures = [after.median, after.least, after.most, before.median, before.most];
    return [place === 0 ? name : '', kindNames[kind], ...figures.map(shortNumber)];
  });
}

/** The median over all losses of the longest request of these kinds. */
function longest(trials: readonly Trial[], ...of: (keyof Stalls)[]): number {
  return summarize(trials.map(({ after }) => Math.max(...of.map((kind) => after[kind].longest)))).median;
}

function atMost(what: string, wanted: number, reached: number): Goal {
  return { what, wanted, reached, atMost: true, unit: 'number' };
}

function closedGoals(closed: readonly Trial[], alone: readonly Trial[]): Goal[] {
  const overlapping = Math.max(...alone.map(({ after }) => after.same.longest));
  return [
    atMost(`${closedReset.name}: longest request of all, median, ms`, wantedClosed, longest(closed, ...kinds)),
    atMost(
      `${closedAlone.name}: longest read or write that overlaps nothing, median, ms`,
      wantedClosed,
      longest(alone, 'reads', 'writes'),
    ),
    atMost(
      `${closedAlone.name}: longest overlapping write of all losses, ms; the fence comes after ${fenceMilliseconds}`,
      fenceMilliseconds + carriedOut,
      overlapping,
    ),
  ];
}

function silentGoals(silent: readonly Trial[]): Goal[] {
  const off = Math.max(...silent.map(({ lastSent }) => lastSent));
  return [
    atMost(`${swallowed.name}: longest read, median, ms`, wantedReads, longest(silent, 'reads')),
    atMost(
      `${swallowed.name}: longest write that overlaps nothing, median, ms`,
      wantedWrites,
      longest(silent, 'writes'),
    ),
    atMost(`${swallowed.name}: until nothing new is sent over the path, longest, ms`, wantedOff, off),
  ];
}

function noErrors(trials: readonly Trial[]): Goal {
  return atMost(
    'requests that failed',
    0,
    trials.reduce((sum, { errors }) => sum + errors, 0),
  );
}

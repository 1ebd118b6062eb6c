/** Counters of all reactors as one: for people and programs. */
import { maxWord, sumWord } from '../base/latencies.ts';
import { type PathState, pathStateNames, pathStates } from '../multipath/state.ts';
import {
  deviceCounter,
  deviceLatencies,
  DeviceStatistics,
  pathCounter,
  pathLatencies,
} from '../multipath/statistics.ts';
import type { OpenSource } from './open-source.ts';
import type { PathHistory } from './path-history.ts';
import type { DeviceCounters, DeviceDelays, PathCounters, PathDelays, PathView } from './view.ts';
import type { AssociationView } from './volume-lead.ts';

const microseconds = 1000;

/** The state of a path on each reactor, as of now. */
export function pathStatesOn(statistics: readonly DeviceStatistics[], index: number): PathState[] {
  const place = DeviceStatistics.pathBase(index) + pathCounter.state;
  return statistics.map((each) => pathStateNames[each.get(place)] ?? 'connecting');
}

/** The state of a path over all reactors: the one that carries least, since a reactor without it is a limitation. */
export function leastState(states: readonly PathState[]): PathState {
  let worst: PathState | null = null;
  for (const state of states) if (worst === null || weight(state) < weight(worst)) worst = state;
  return worst ?? 'connecting';
}

export function mergedPathState(statistics: readonly DeviceStatistics[], index: number): PathState {
  return leastState(pathStatesOn(statistics, index));
}

/** More is better: 1 (optimized) before 2, 3 and 4 before 0. */
function weight(state: PathState): number {
  const { carries } = pathStates[state];
  return carries === 0 ? 0 : 5 - carries;
}

/** A counter of all reactors together. */
export function total(statistics: readonly DeviceStatistics[], counter: number): number {
  return statistics.reduce((sum, each) => sum + each.get(counter), 0);
}

/** The longest of some times, microseconds. */
function longest(statistics: readonly DeviceStatistics[], ...counters: readonly number[]): number {
  const times = statistics.flatMap((each) => counters.map((counter) => each.get(counter)));
  return Math.max(0, ...times) * microseconds;
}

/**
 * @param clocks what the clock of each reactor shows now
 * @param quarantined ranges in quarantine now
 */
export function sumCounters(
  statistics: readonly DeviceStatistics[],
  clocks: readonly number[],
  quarantined: number,
): DeviceCounters {
  const sum = (counter: number): number => total(statistics, counter);
  const { reads, writes } = deviceLatencies;
  return {
    reads: sum(deviceCounter.reads),
    writes: sum(deviceCounter.writes),
    flushes: sum(deviceCounter.flushes),
    discards: sum(deviceCounter.discards),
    writeZeroes: sum(deviceCounter.writeZeroes),
    readBytes: sum(deviceCounter.readBytes),
    writtenBytes: sum(deviceCounter.writtenBytes),
    errors: sum(deviceCounter.errors),
    retries: sum(deviceCounter.retries),
    waiting: sum(deviceCounter.waiting),
    waitingFor: longestWait(statistics, clocks),
    held: sum(deviceCounter.held),
    everHeld: sum(deviceCounter.everHeld),
    quarantined,
    everQuarantined: sum(deviceCounter.everQuarantined),
    gated: sum(deviceCounter.gated),
    everGated: sum(deviceCounter.everGated),
    hedges: sum(deviceCounter.hedges),
    hedgesWon: sum(deviceCounter.hedgesWon),
    hedgesLost: sum(deviceCounter.hedgesLost),
    hedgesRefused: sum(deviceCounter.hedgesRefused),
    latencySum: (sum(reads + sumWord) + sum(writes + sumWord)) * microseconds,
    latencyMax: longest(statistics, reads + maxWord, writes + maxWord),
  };
}

function longestWait(statistics: readonly DeviceStatistics[], clocks: readonly number[]): number {
  return statistics.reduce((most, each, reactor) => {
    const since = each.get(deviceCounter.waitingSince);
    return since === 0 ? most : Math.max(most, (clocks[reactor] ?? since) - since);
  }, 0);
}

function pathCountersOf(statistics: readonly DeviceStatistics[], index: number): PathCounters {
  const base = DeviceStatistics.pathBase(index);
  const sum = (counter: number): number => total(statistics, base + counter);
  const commands = sum(pathCounter.reads) + sum(pathCounter.writes) + sum(pathCounter.others);
  const { reads, writes } = pathLatencies;
  const took = sum(reads + sumWord) + sum(writes + sumWord) + sum(pathCounter.otherLatencySum);
  return {
    reads: sum(pathCounter.reads),
    writes: sum(pathCounter.writes),
    others: sum(pathCounter.others),
    bytes: sum(pathCounter.readBytes) + sum(pathCounter.writtenBytes) + sum(pathCounter.otherBytes),
    readBytes: sum(pathCounter.readBytes),
    writtenBytes: sum(pathCounter.writtenBytes),
    errors: sum(pathCounter.errors),
    retries: sum(pathCounter.retries),
    inFlight: sum(pathCounter.inFlight),
    latencyMean: commands === 0 ? 0 : (took / commands) * microseconds,
    latencyMax: longest(
      statistics,
      base + reads + maxWord,
      base + writes + maxWord,
      base + pathCounter.otherLatencyMax,
    ),
    latencyNow: longest(statistics, base + pathCounter.latencyNow),
    hedges: sum(pathCounter.hedges),
    hedgesWon: sum(pathCounter.hedgesWon),
    hedgesLost: sum(pathCounter.hedgesLost),
  };
}

function pathDelays(view: AssociationView | undefined, now: number): PathDelays {
  return {
    keepAlive: view?.delays.keepAlive ?? 0,
    fence: view?.fenceMs ?? 0,
    isFenceAssumed: view?.delays.isFenceAssumed ?? false,
    anaTransition: view?.delays.anaTransition ?? 0,
    nextAttempt: view === undefined || view.retryAt === 0 ? -1 : Math.max(0, view.retryAt - now),
  };
}

/** Of all paths: they are asked for alike. */
export function deviceDelays(
  source: OpenSource,
  associations: ReadonlyMap<number, AssociationView>,
): DeviceDelays | null {
  const view = associations.get(source.paths.list[0]?.association ?? -1);
  if (view === undefined) return null;
  const { keepAliveAsked, ioTimeout, abortGrace, tcpUserTimeout, reconnectFirst, reconnectLongest } = view.delays;
  return { keepAlive: keepAliveAsked, ioTimeout, abortGrace, tcpUserTimeout, reconnectFirst, reconnectLongest };
}

/** What the main thread itself knows of a path. */
export interface PathRemarks {
  readonly history: Pick<PathHistory, 'since' | 'losses'>;
  readonly reason: string;
  /** Why it is not used though it is there, by the reactor that says so. */
  readonly refusals: ReadonlyMap<number, string>;
}

/** The first that there is: reactors hear the same, one after the other. */
export function refusalOf(remark: Pick<PathRemarks, 'refusals'> | undefined): string {
  const [reason] = remark?.refusals.values() ?? [];
  return reason ?? '';
}

/** @param remarks in the order of the paths @param now what the clock of the lead shows */
export function pathViews(
  source: OpenSource,
  remarks: readonly PathRemarks[],
  associations: ReadonlyMap<number, AssociationView>,
  now: number,
): PathView[] {
  return source.paths.list.map(({ id, index, association }, place) => {
    const view = associations.get(association);
    const state = mergedPathState(source.statistics, index);
    const remark = remarks[place];
    const carries = pathStates[state].carries !== 0;
    return {
      id,
      state,
      reason: carries ? '' : refusalOf(remark) || remark?.reason || view?.error || pathStates[state].meaning,
      transport: 'nvme-tcp',
      address: id,
      subsystem: source.subsystem,
      nsid: source.nsid,
      cntlid: view?.cntlid ?? -1,
      authenticated: view?.authenticated ?? null,
      since: (remark?.history.since ?? new Date()).toISOString(),
      weight: source.policy.weight(index),
      losses: remark?.history.losses ?? 0,
      delays: pathDelays(view, now),
      counters: pathCountersOf(source.statistics, index),
    };
  });
}

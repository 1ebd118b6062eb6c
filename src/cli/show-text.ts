/** A device for people, from the top to the bottom: device, kernel device, volume, paths. */
import { formatCount, formatDuration, formatSize } from '../base/units.ts';
import type { FilterReport } from '../filters/spec.ts';
import type { StatisticsView } from '../host/statistics-view.ts';
import type { DeviceView, PathView } from '../host/view.ts';
import type { GhostWrites } from '../multipath/options.ts';
import type { PathLife } from '../multipath/path-life.ts';
import { isSelectorName, selectors } from '../multipath/selector.ts';
import { pathRank, pathStates } from '../multipath/state.ts';
import { attemptText, fenceTimeText, reconnectText, timeoutsText } from './delays-text.ts';
import { errorKinds, latencyTable, latencyText, trafficTable, waitText } from './statistics-text.ts';
import { counted, printable, table } from './text.ts';

function fact(name: string, value: string): string {
  return `  ${name.padEnd(14)}  ${printable(value)}`.trimEnd();
}

function reasonOf({ reason, state }: PathView): string {
  return reason === '' && pathRank(state) === 0 ? (pathStates[state]?.meaning ?? '') : reason;
}

export function pathTable(paths: readonly PathView[]): string[] {
  const columns = [
    { title: '#', right: true },
    { title: 'PATH' },
    { title: 'STATE' },
    { title: 'CNTLID', right: true },
    { title: 'IN FLIGHT', right: true },
    { title: 'READS', right: true },
    { title: 'WRITES', right: true },
    { title: 'NOW', right: true },
    { title: 'MEAN', right: true },
    { title: 'MAX', right: true },
    { title: 'ERRORS', right: true },
    { title: 'LOST', right: true },
    { title: 'REASON' },
  ];
  return table(
    columns,
    paths.map((path, index) => {
      const { counters } = path;
      return [
        String(index + 1),
        path.id,
        path.state,
        path.cntlid < 0 ? '–' : String(path.cntlid),
        String(counters.inFlight),
        formatCount(counters.reads),
        formatCount(counters.writes),
        latencyText(counters.latencyNow),
        latencyText(counters.latencyMean),
        latencyText(counters.latencyMax),
        String(counters.errors),
        String(path.losses),
        reasonOf(path) + attemptText(path.delays),
      ];
    }),
  );
}

function lifeText(life: PathLife): string {
  const { failback, flapLimit, flapWindow, flapHold, suspectAfter, fastIoFail } = life;
  const back = failback < 0 ? 'by hand' : failback === 0 ? 'at once' : `after ${formatDuration(failback)}`;
  const window = formatDuration(flapWindow);
  const flaps =
    flapLimit === 0
      ? 'however often it goes'
      : `${flapLimit} losses in ${window} hold it for ${formatDuration(flapHold)}`;
  const suspect =
    suspectAfter === 0 ? 'never suspect' : `suspect after ${formatDuration(suspectAfter)} without an answer`;
  const fast =
    fastIoFail < 0
      ? 'a lost one is waited for'
      : `a lost one is waited for ${formatDuration(fastIoFail)} (fast_io_fail)`;
  return `failback ${back}; ${flaps}; ${suspect}; ${fast}`;
}

function hedgeText({ hedgeShare, hedgeAfter }: PathLife, selector: string): string {
  if (hedgeShare === 0) return 'no';
  if (!isSelectorName(selector) || !selectors[selector].mayHedge) return `no: not with ${selector}`;
  const when = hedgeAfter === 0 ? 'well beyond what reads take' : `after ${formatDuration(hedgeAfter)}`;
  return `${when} a read is sent over a second path; at most ${hedgeShare} of 100`;
}

/** The selector with what it goes by; weights only where they differ. */
function selectorText({ selector, minimumRun, latencyMemory, paths }: DeviceView): string {
  if (selector === 'round-robin' && minimumRun > 1) return `${selector}, ${minimumRun} in a row`;
  if (selector === 'latency') return `${selector}, memory ${formatDuration(latencyMemory)}`;
  if (selector !== 'weighted' && selector !== 'service-time') return selector;
  return `${selector}, weights ${paths.map(({ weight }) => weight).join(', ')}`;
}

const ghostTexts: Readonly<Record<GhostWrites, string>> = {
  quarantine: 'quarantine: sent again at once; others wait to write to their ranges until the fence',
  strict: 'strict: writes of unknown outcome wait for a fence',
  none: 'NONE: a late write of a lost controller may bring back old data',
};

function crashText({ survivesCrash, kernelDevice, name }: DeviceView): string {
  if (kernelDevice === null) return 'it goes with its process';
  return survivesCrash
    ? `I/O waits for the next process, and goes on: attach the volume as ${name} again`
    : 'those who use it get input/output errors';
}

function servedText(view: DeviceView, statistics: StatisticsView): string[] {
  const { counters } = view;
  const served = counters.reads + counters.writes;
  const lines = [
    fact(
      'served',
      `${formatCount(counters.reads)} reads (${formatSize(counters.readBytes)}), ` +
        `${formatCount(counters.writes)} writes (${formatSize(counters.writtenBytes)}), ${formatCount(counters.flushes)} flushes, ` +
        `${formatCount(counters.discards)} discards, ${formatCount(counters.writeZeroes)} write zeroes`,
    ),
    fact(
      'latency',
      `mean ${latencyText(served === 0 ? 0 : counters.latencySum / served)}, longest ${latencyText(counters.latencyMax)}`,
    ),
    fact('errors', `${counters.errors}${errorKinds(statistics)}, ${counted(counters.retries, 'part')} sent again`),
  ];
  if (counters.waiting > 0) {
    lines.push(
      fact(
        'waiting',
        `${counted(counters.waiting, 'request')} for ${formatDuration(counters.waitingFor)}: no path lives or has room`,
      ),
    );
  }
  if (counters.held > 0 || counters.everHeld > 0) {
    lines.push(
      fact(
        'held writes',
        `${counters.held} now, ${counters.everHeld} ever: of unknown outcome, until their controller is fenced` +
          waitText(statistics.waits.held),
      ),
    );
  }
  if (counters.everQuarantined > 0) {
    lines.push(
      fact(
        'quarantine',
        `${counted(counters.quarantined, 'range')} now, ${counters.everQuarantined} ever; ` +
          `${counted(counters.gated, 'write')} waiting for one, ${counters.everGated} ever` +
          waitText(statistics.waits.quarantine),
      ),
    );
  }
  if (counters.hedges + counters.hedgesRefused > 0) {
    lines.push(
      fact(
        'hedges',
        `${counted(counters.hedges, 'read')} sent twice: the second was faster ${counted(counters.hedgesWon, 'time')}, ` +
          `the first ${counted(counters.hedgesLost, 'time')}; ${counters.hedgesRefused} more were beyond the budget`,
      ),
    );
  }
  for (const fence of view.fences) {
    const kept =
      fence.ranges > 0 ? `, ${counted(fence.ranges, 'range')} (${formatSize(fence.bytes)}) in quarantine` : '';
    const by = `by ${fence.by}, ${formatDuration(fence.remaining)} at most`;
    const whose = fence.cntlid < 0 ? fence.path : `${fence.path} (controller ${fence.cntlid})`;
    lines.push(fact('fence', `${whose} ${by}${kept}`));
  }
  return lines;
}

/** The filters' reports, a heading for each filter of each reactor. */
export function filterText(name: string, reactors: readonly (readonly FilterReport[])[]): string[] {
  const lines = reactors.flatMap((reports, reactor) =>
    reports.flatMap(({ kind, text }) => [
      `${kind}, reactor ${reactor}`,
      ...text.split('\n').map((line) => `  ${printable(line)}`.trimEnd()),
    ]),
  );
  return lines.length > 0 ? lines : [`${name} has no filters`];
}

function delayFacts({ delays, paths }: DeviceView): string[] {
  if (delays === null) return [];
  const fence = fenceTimeText(paths);
  return [
    fact('time-outs', timeoutsText(delays, paths)),
    fact('reconnects', reconnectText(delays)),
    ...(fence === '' ? [] : [fact('fence by time', fence)]),
  ];
}

/** Nothing where nobody had to prove anything. */
function authenticationFacts(paths: readonly PathView[]): string[] {
  const ways = paths.flatMap(({ authenticated }) =>
    authenticated === null
      ? []
      : [`${authenticated.isMutual ? 'host and array' : 'host only'} (${authenticated.hash}, ${authenticated.group})`],
  );
  const different = [...new Set(ways)];
  if (different.length === 0) return [];
  const all = ways.length === paths.length ? '' : `, on ${ways.length} of ${paths.length} paths`;
  return [fact('authenticated', `${different.join('; ')}${all}`)];
}

/** A table of its own below the facts. */
function block(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines.map((line) => `    ${line}`)];
}

export function showText(view: DeviceView, statistics: StatisticsView): string[] {
  const live = view.paths.filter((path) => pathRank(path.state) > 0).length;
  const flags = [view.readOnly ? 'read-only' : 'read and write'];
  if (view.volatileCache) {
    flags.push(view.assumeSharedCache ? 'volatile write cache, assumed to be shared' : 'volatile write cache');
  }
  const waits =
    view.noPathRetry < 0
      ? 'I/O waits for ever while no path lives'
      : `I/O waits ${formatDuration(view.noPathRetry)} while no path lives`;
  const lines = [
    printable(`${view.name}  ${view.device}  ${formatSize(view.sizeBytes)}  ${view.state}`),
    fact(
      'kernel device',
      [view.kernelDevice ?? 'none', view.transport, view.link].filter((part) => part !== '').join(', '),
    ),
    fact('on a crash', crashText(view)),
    fact('companion', view.companion.path === '' ? `none: ${view.companion.reason}` : view.companion.path),
    ...view.notes.map((note) => fact('note', note)),
    fact('volume', [view.identity, view.model.trim(), view.serial.trim()].filter((part) => part !== '').join(', ')),
    fact('blocks', `${view.blockBytes} bytes, ${flags.join(', ')}`),
    fact(
      'process',
      `${view.pid}, ${counted(view.reactors, 'reactor')}, ${formatSize(view.payloadBytes)} of payload memory, since ${view.since}`,
    ),
    ...servedText(view, statistics),
  ];
  const latencies = block(latencyTable(statistics));
  if (view.paths.length === 0) return [...lines, fact('paths', 'none: the volume is of this host'), ...latencies];
  return [
    ...lines,
    fact('multipath', `${selectorText(view)}; ${waits}`),
    fact('path life', lifeText(view.life)),
    fact('hedged reads', hedgeText(view.life, view.selector)),
    ...delayFacts(view),
    fact('ghost writes', ghostTexts[view.ghostWrites]),
    fact('array', `${view.paths[0]?.subsystem ?? ''}, namespace ${view.paths[0]?.nsid ?? ''}`),
    ...authenticationFacts(view.paths),
    fact('paths', `${live} of ${view.paths.length} live`),
    ...pathTable(view.paths).map((line) => `    ${line}`),
    ...block(trafficTable(view.paths, statistics)),
    ...latencies,
  ];
}

/**
 * Puts a faulty part in the place of a good one, for the rest of this process or until it is undone: the proof that the
 * checker finds what it is there for. Shipped code knows nothing of it.
 */
import { selectors } from '../../src/multipath/selector.ts';
import type { Scenario } from '../scenario.ts';
import { reuseBuffers } from './buffer-reuse.ts';
import { forgetWritesUnderWay } from './crash-forgets-inflight.ts';
import { completeTwice } from './double-completion.ts';
import { fenceTooEarly } from './fence-too-early.ts';
import { flushOneController } from './flush-one-controller.ts';
import { hedgeIntoFreed } from './hedge-into-freed.ts';
import type { MutationName } from './names.ts';
import { withoutQuarantine } from './quarantine-off.ts';
import { quarantineAlone } from './quarantine-one-reactor.ts';
import { retryAtOnce } from './retry-before-overlap.ts';
import { mistakeLostForOver } from './retry-table.ts';
import { keepStalePaths } from './stale-path.ts';

/** Builds the fault in; what it returns takes it out again. */
export type Mutation = () => () => void;

const parts: Readonly<Record<Exclude<MutationName, 'quarantine-off'>, Mutation>> = {
  'quarantine-one-reactor': quarantineAlone,
  'retry-before-overlap': retryAtOnce,
  'fence-too-early': fenceTooEarly,
  'flush-one-controller': flushOneController,
  'buffer-reuse': reuseBuffers,
  'hedge-into-freed': hedgeIntoFreed,
  'retry-table': mistakeLostForOver,
  'double-completion': completeTwice,
  'stale-path': keepStalePaths,
  'crash-forgets-inflight': forgetWritesUnderWay,
};

/** Where a mutation changes nothing that a run does, the run is left out; its seed counts all the same. */
const concerned: Readonly<Partial<Record<MutationName, (scenario: Scenario) => boolean>>> = {
  'quarantine-off': makesGhosts,
  'quarantine-one-reactor': (scenario) =>
    makesGhosts(scenario) && scenario.host.policy.ghostWrites === 'quarantine' && scenario.host.reactors > 1,
  'retry-before-overlap': (scenario) => makesGhosts(scenario) && scenario.host.policy.ghostWrites === 'quarantine',
  'fence-too-early': makesGhosts,
  'retry-table': makesGhosts,
  'flush-one-controller': ({ array, host, ports }) => array.volatileCache && !host.sharedCache && ports > 1,
  'hedge-into-freed': ({ host, ports }) =>
    ports > 1 && host.policy.hedgeShare > 0 && selectors[host.policy.selector].mayHedge,
  'crash-forgets-inflight': (scenario) =>
    makesGhosts(scenario) && scenario.weather.some(({ kind }) => kind === 'crash-host'),
  'stale-path': ({ weather }) => weather.some(({ kind }) => kind === 'replace-volume'),
};

function makesGhosts({ ghosts }: Scenario): boolean {
  return ghosts.some(({ milliseconds }) => milliseconds !== null && milliseconds > 0);
}

/** The fault can show in this run. */
export function concerns(name: MutationName | null, scenario: Scenario): boolean {
  return name === null || concerned[name]?.(scenario) !== false;
}

let built: { readonly name: MutationName; readonly undo: () => void } | null = null;

/** The scenario as it has to be run with this fault built in. */
export function mutate(name: MutationName | null, scenario: Scenario): Scenario {
  if (built !== null && built.name !== name) {
    built.undo();
    built = null;
  }
  if (name === null) return scenario;
  if (name === 'quarantine-off') return withoutQuarantine(scenario);
  built ??= { name, undo: parts[name]() };
  return scenario;
}

/**
 * How the paths of a device are used: all that an administrator may change while I/O runs. Plain data; the same on every
 * reactor. Values come from outside, so they are checked here, by one table.
 */
import { CausewayError } from '../base/errors.ts';
import { defaultGhostWrites, type GhostWrites, ghostWrites } from './options.ts';
import { type PathLife, pathLife } from './path-life.ts';
import { defaultLatencyMemory } from './path-set.ts';
import { type SelectorName, selectorNames } from './selector.ts';

export interface Policy extends PathLife {
  /** Which path takes a request. `queue-depth` by default. */
  readonly selector: SelectorName;
  /** `round-robin`: how many commands in a row a path takes at least. 1. */
  readonly minimumRun: number;
  /** How long the past counts in the smoothed latency of a path, milliseconds. 250. */
  readonly latencyMemory: number;
  /** Milliseconds that I/O waits while no path lives; -1: for ever (default). */
  readonly noPathRetry: number;
  /** What becomes of a write that its lost controller may still execute; `quarantine` by default. */
  readonly ghostWrites: GhostWrites;
}

/** Those that are given, and the defaults of the others. */
export function policyOf(given: Partial<Policy>): Policy {
  return {
    selector: given.selector ?? 'queue-depth',
    minimumRun: given.minimumRun ?? 1,
    latencyMemory: given.latencyMemory ?? defaultLatencyMemory,
    noPathRetry: given.noPathRetry ?? -1,
    ghostWrites: given.ghostWrites ?? defaultGhostWrites,
    ...pathLife(given),
  };
}

/** The longest time that may be asked for: 30 days. Milliseconds. */
const longest = 30 * 24 * 3_600_000;

interface Row {
  readonly isValid: (value: unknown) => boolean;
  readonly wanted: string;
}

function word(words: readonly string[]): Row {
  return { isValid: (value) => words.some((each) => each === value), wanted: `one of ${words.join(', ')}` };
}

function whole(least: number, most: number): Row {
  return {
    isValid: (value) => typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most,
    wanted: `a whole number from ${least} to ${most}`,
  };
}

/** Milliseconds, and below 0 what this word says. */
function time(below = ''): Row {
  return {
    isValid: (value) =>
      typeof value === 'number' && ((value >= 0 && value <= longest) || (below !== '' && value === -1)),
    wanted: `from 0 to ${longest} milliseconds${below === '' ? '' : `, or -1 (${below})`}`,
  };
}

const rows: Readonly<Record<keyof Policy, Row>> = {
  selector: word(selectorNames),
  minimumRun: whole(1, 1_000_000),
  latencyMemory: whole(1, 3_600_000),
  noPathRetry: time('for ever'),
  ghostWrites: word(ghostWrites),
  failback: time('by hand'),
  flapLimit: whole(0, 1000),
  flapWindow: time(),
  flapHold: time(),
  suspectAfter: time(),
  hedgeShare: whole(0, 100),
  hedgeAfter: time(),
  fastIoFail: time('never'),
};

export function isPolicyKey(text: string): text is keyof Policy {
  return Object.hasOwn(rows, text);
}

/**
 * What is given of a policy, whatever else stands beside it. One that is undefined is not given.
 * @throws CausewayError `invalid-argument`
 */
export function checkedPolicy(given: Readonly<Record<string, unknown>>): Partial<Policy> {
  const entries = Object.entries(given).filter(([key, value]) => isPolicyKey(key) && value !== undefined);
  for (const [key, value] of entries) {
    if (!isPolicyKey(key) || rows[key].isValid(value)) continue;
    throw new CausewayError('invalid-argument', `${key} is ${JSON.stringify(value)}; it is ${rows[key].wanted}`);
  }
  return Object.fromEntries(entries);
}

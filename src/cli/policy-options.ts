/** What the command line calls the parts of a policy: the same words at attach and later. */
import type { Command } from 'commander';
import type { PolicySettings } from '../host/contract.ts';
import { type GhostWrites, ghostWrites } from '../multipath/options.ts';
import { isSelectorName, maxWeight, type SelectorName, selectorNames } from '../multipath/selector.ts';
import { durationOr, given, oneOf, refused, seconds, wholeNumber } from './option-values.ts';

const noPathWords = { queue: -1, fail: 0 } as const;
const fastFailWords = { off: -1 } as const;
const backWords = { immediate: 0, manual: -1 } as const;
const hedgeWords = { auto: 0 } as const;

/** Milliseconds that I/O waits while no path lives; -1 = for ever. */
export const whenNoPath = durationOr(
  '--when-no-path',
  noPathWords,
  '"queue" (wait for ever), "fail", or a duration such as 30s',
);

/** Milliseconds after which a lost path is not waited for any longer; -1 = never. */
const failFast = durationOr('--fast-io-fail', fastFailWords, '"off", or a duration such as 5s');

/** Milliseconds that a path has to stay up before it carries I/O again; -1 = until somebody says so. */
const whenBack = durationOr(
  '--failback',
  backWords,
  '"immediate", "manual" (`path restore` ends it), or a duration such as 30s',
);

/** Milliseconds after which a slow read is sent a second time; 0 = follows what reads take. */
const hedgeAfter = durationOr(
  '--hedge-after',
  hedgeWords,
  '"auto" (follows what reads take), or a duration such as 20ms',
);

function wholeMilliseconds(option: string): (text: string) => number {
  return (text) => {
    const value = seconds(option)(text);
    if (Number.isInteger(value) && value >= 1 && value <= 3_600_000) return value;
    throw refused(option, text, 'whole milliseconds, from 1ms to 1h');
  };
}

/** Weights of paths, one by one: PATH=N. */
function oneMoreWeight(
  text: string,
  before: Readonly<Record<string, number>> | undefined,
): Readonly<Record<string, number>> {
  const { path, weight } = /^(?<path>.+)=(?<weight>\d{1,4})$/.exec(text)?.groups ?? {};
  const value = Number(weight);
  if (path === undefined || !(value >= 1 && value <= maxWeight)) {
    throw refused('--weight', text, `a path and a whole number from 1 to ${maxWeight}, such as 127.0.0.1:4420=5`);
  }
  return { ...before, [path]: value };
}

function selector(text: string): SelectorName {
  if (isSelectorName(text)) return text;
  throw refused('--selector', text, `one of ${selectorNames.join(', ')}`);
}

/** What commander collects for `addPolicyOptions`. */
export interface PolicyOptions {
  readonly selector?: SelectorName;
  readonly weight?: Readonly<Record<string, number>>;
  readonly minimumRun?: number;
  readonly latencyMemory?: number;
  readonly ghostWrites?: GhostWrites;
  readonly whenNoPath?: number;
  readonly fastIoFail?: number;
  readonly failback?: number;
  readonly flapLimit?: number;
  readonly flapWindow?: number;
  readonly flapHold?: number;
  readonly suspectAfter?: number;
  readonly hedge?: number;
  readonly hedgeAfter?: number;
}

/** Options of a policy, for every verb that makes a device or changes one. */
export function addPolicyOptions(command: Command): Command {
  return command
    .option(
      '--selector <name>',
      `which path takes a request (docs/selectors/): ${selectorNames.slice(0, 4).join(', ')},\n` +
        `${selectorNames.slice(4).join(', ')}; queue-depth by default`,
      selector,
    )
    .option(
      '--weight <path=n>',
      'weight of a path for the selectors weighted and service-time, 1 by default; once for each path',
      oneMoreWeight,
    )
    .option(
      '--minimum-run <n>',
      'round-robin: how many commands in a row a path takes at least; 1',
      wholeNumber('--minimum-run', 1, 1_000_000),
    )
    .option(
      '--latency-memory <time>',
      'latency: how long the past of a path counts; 250ms',
      wholeMilliseconds('--latency-memory'),
    )
    .option(
      '--ghost-writes <mode>',
      'a write of unknown outcome, until its lost controller can no longer execute it:\n' +
        'quarantine: is sent again at once, and others wait to write to its range (default);\n' +
        'strict: waits itself; none: is sent again, and old data may come back over newer',
      oneOf('--ghost-writes', ghostWrites),
    )
    .option('--when-no-path <what>', 'I/O while no path lives: queue (for ever), fail, or a duration', whenNoPath)
    .option(
      '--fast-io-fail <time>',
      'what waits for one lost path alone (for its fence) ends with an error after that time; off by default',
      failFast,
    )
    .option('--failback <when>', 'a path that came back carries I/O: immediate, manual, or after a duration', whenBack)
    .option(
      '--flap-limit <n>',
      'losses within --flap-window after which a path has to stay up for --flap-hold first; 8, 0: never',
      wholeNumber('--flap-limit', 0, 1000),
    )
    .option('--flap-window <time>', 'how long a loss of a path counts; 1m', seconds('--flap-window'))
    .option('--flap-hold <time>', 'how long a path that comes and goes has to stay up; 30s', seconds('--flap-hold'))
    .option(
      '--suspect-after <time>',
      'a path without answers, while others answer, is avoided',
      seconds('--suspect-after'),
    )
    .option(
      '--hedge <percent>',
      'reads that may be sent a second time, over another path, when the first is slow to answer; 5, 0: none',
      wholeNumber('--hedge', 0, 100),
    )
    .option(
      '--hedge-after <time>',
      'after how long they are: auto (follows what reads of the device take; default), or a duration',
      hedgeAfter,
    );
}

/** The host's settings from the words of the command line; what was not said is left as it is. */
export function policySettings(options: PolicyOptions): PolicySettings {
  return given({
    selector: options.selector,
    weights: options.weight,
    minimumRun: options.minimumRun,
    latencyMemory: options.latencyMemory,
    ghostWrites: options.ghostWrites,
    noPathRetry: options.whenNoPath,
    fastIoFail: options.fastIoFail,
    failback: options.failback,
    flapLimit: options.flapLimit,
    flapWindow: options.flapWindow,
    flapHold: options.flapHold,
    suspectAfter: options.suspectAfter,
    hedgeShare: options.hedge,
    hedgeAfter: options.hedgeAfter,
  });
}

/** A policy as one would say it, a line for each part: option and value. */
export function policyLines(policy: Required<PolicySettings>): string[] {
  const lines: [option: string, value: string][] = [
    ['selector', policy.selector],
    ['minimum-run', String(policy.minimumRun)],
    ['latency-memory', inWords(policy.latencyMemory)],
    ...Object.entries(policy.weights).map(([path, weight]): [string, string] => ['weight', `${path}=${weight}`]),
    ['ghost-writes', policy.ghostWrites],
    ['when-no-path', wordOr(noPathWords, policy.noPathRetry)],
    ['fast-io-fail', wordOr(fastFailWords, policy.fastIoFail)],
    ['failback', wordOr(backWords, policy.failback)],
    ['flap-limit', String(policy.flapLimit)],
    ['flap-window', inWords(policy.flapWindow)],
    ['flap-hold', inWords(policy.flapHold)],
    ['suspect-after', inWords(policy.suspectAfter)],
    ['hedge', String(policy.hedgeShare)],
    ['hedge-after', wordOr(hedgeWords, policy.hedgeAfter)],
  ];
  const width = Math.max(...lines.map(([option]) => option.length));
  return lines.map(([option, value]) => `${option.padEnd(width)}  ${value}`);
}

function wordOr(words: Readonly<Record<string, number>>, milliseconds: number): string {
  return Object.keys(words).find((word) => words[word] === milliseconds) ?? inWords(milliseconds);
}

/** A duration as an option takes it. */
function inWords(milliseconds: number): string {
  if (milliseconds > 0 && milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

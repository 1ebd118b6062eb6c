/** Values of options: from words to numbers, each refused with a sentence that names the option. */
import { type Command, Option } from 'commander';
import { CausewayError } from '../base/errors.ts';
import { parseDuration, parseSize } from '../base/units.ts';
import type { AttachOptions } from '../host/contract.ts';
import { parseFilter } from '../filters/parse.ts';
import type { FilterSpec } from '../filters/spec.ts';
import { type GhostWrites, ghostWrites } from '../multipath/options.ts';
import { isSelectorName, maxWeight, type SelectorName, selectorNames } from '../multipath/selector.ts';

/** An option with a default that the help shows as a user would write it. */
export function withDefault<T>(
  flags: string,
  description: string,
  parse: (text: string) => T,
  value: T,
  written: string,
): Option {
  return new Option(flags, description).argParser(parse).default(value, written);
}

/** How long holders may take to go, for every verb that ends a device. */
export function graceOption(): Option {
  const description = 'how long those who use the device may take to go';
  return withDefault('--grace <seconds>', description, seconds('--grace'), 10_000, '10');
}

/** A whole number from `least` to `most`. */
export function wholeNumber(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw refused(option, text, `a whole number from ${least} to ${most}`);
  };
}

/** One of these words. */
export function oneOf<const Word extends string>(option: string, words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw refused(option, text, `one of ${words.join(', ')}`);
  };
}

/** Milliseconds; a bare number counts as seconds. */
export function seconds(option: string): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) return Number(text) * 1000;
    try {
      return parseDuration(text);
    } catch {
      throw refused(option, text, 'a number of seconds, or a duration such as 500ms, 10s or 2m');
    }
  };
}

/** Bytes, more than none. */
export function size(option: string): (text: string) => number {
  return (text) => {
    const bytes = parseSize(text);
    if (bytes > 0) return bytes;
    throw refused(option, text, 'a size of more than nothing, such as 512m or 1g');
  };
}

/** Milliseconds, or one of these words in their place. */
function durationOr(option: string, words: Readonly<Record<string, number>>, wanted: string): (text: string) => number {
  return (text) => {
    const meant = Object.hasOwn(words, text) ? words[text] : undefined;
    if (meant !== undefined) return meant;
    try {
      return parseDuration(text);
    } catch {
      throw refused(option, text, wanted);
    }
  };
}

/** Milliseconds that I/O waits while no path lives; -1 = for ever. */
export const whenNoPath = durationOr(
  '--when-no-path',
  { queue: -1, fail: 0 },
  '"queue" (wait for ever), "fail", or a duration such as 30s',
);

/** Milliseconds that a path has to stay up before it carries I/O again; -1 = until somebody says so. */
const whenBack = durationOr(
  '--failback',
  { immediate: 0, manual: -1 },
  '"immediate", "manual" (`path restore` ends it), or a duration such as 30s',
);

function oneMoreFilter(text: string, before: readonly FilterSpec[] | undefined): readonly FilterSpec[] {
  return [...(before ?? []), parseFilter(text)];
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

function refused(option: string, text: string, wanted: string): CausewayError {
  return new CausewayError(
    'invalid-argument',
    `${option} is ${JSON.stringify(text.slice(0, 100))}; it takes ${wanted}`,
  );
}

/** What commander collects for `addDeviceOptions`. */
export interface DeviceOptions {
  readonly kernelDevice?: 'auto' | 'ublk' | 'nbd' | 'fuse';
  readonly transport?: 'auto' | 'uring' | 'classic';
  readonly selector?: SelectorName;
  readonly weight?: Readonly<Record<string, number>>;
  readonly ghostWrites?: GhostWrites;
  readonly whenNoPath?: number;
  readonly failback?: number;
  readonly suspectAfter?: number;
  readonly hedge?: number;
  readonly hedgeAfter?: number;
  readonly flapLimit?: number;
  readonly ioTimeout?: number;
  readonly tcpUserTimeout?: number;
  readonly reconnectFirst?: number;
  readonly reconnectLongest?: number;
  readonly keepAlive?: number;
  readonly quiesceTime?: number;
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
  readonly queueSize?: number;
  readonly timeout?: number;
  readonly filter?: readonly FilterSpec[];
  readonly readOnly?: boolean;
  readonly hostNqn?: string;
  readonly hostId?: string;
}

/** Options of a device, for every verb that makes one. */
export function addDeviceOptions(command: Command): Command {
  return command
    .option(
      '--kernel-device <kind>',
      'auto (the best that this host offers), ublk, nbd or fuse',
      oneOf('--kernel-device', ['auto', 'ublk', 'nbd', 'fuse']),
    )
    .option(
      '--transport <kind>',
      'how FUSE requests travel: auto, uring (fastest) or classic',
      oneOf('--transport', ['auto', 'uring', 'classic']),
    )
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
      '--ghost-writes <mode>',
      'a write of unknown outcome, until its lost controller can no longer execute it:\n' +
        'quarantine: is sent again at once, and others wait to write to its range (default);\n' +
        'strict: waits itself; none: is sent again, and old data may come back over newer',
      oneOf('--ghost-writes', ghostWrites),
    )
    .option('--when-no-path <what>', 'I/O while no path lives: queue (for ever), fail, or a duration', whenNoPath)
    .option('--failback <when>', 'a path that came back carries I/O: immediate, manual, or after a duration', whenBack)
    .option(
      '--flap-limit <n>',
      'losses within a minute after which a path has to stay up for 30 s first; 0: never',
      wholeNumber('--flap-limit', 0, 1000),
    )
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
      'after how long they are; follows what reads of the device take when left out',
      seconds('--hedge-after'),
    )
    .option(
      '--io-timeout <time>',
      'a command without an answer is called back; in vain, and its controller is reset',
      seconds('--io-timeout'),
    )
    .option(
      '--tcp-user-timeout <time>',
      'a path whose peer acknowledges nothing for so long is lost',
      seconds('--tcp-user-timeout'),
    )
    .option('--reconnect-first <time>', 'wait before a lost path is connected again', seconds('--reconnect-first'))
    .option(
      '--reconnect-longest <time>',
      'what that wait grows to; it is never the last',
      seconds('--reconnect-longest'),
    )
    .option('--keep-alive <time>', 'keep-alive timeout of controllers', seconds('--keep-alive'))
    .option(
      '--quiesce-time <time>',
      'bound for what a lost controller may still do, where the array reports none',
      seconds('--quiesce-time'),
    )
    .option('--header-digest', 'protect protocol headers by CRC32C')
    .option('--data-digest', 'protect data on the wire by CRC32C')
    .option('--queue-size <n>', 'entries of an I/O queue', wholeNumber('--queue-size', 2, 1024))
    .option('--timeout <time>', 'how long to try to connect before giving up', seconds('--timeout'))
    .option(
      '--filter <filter>',
      'put a filter before the device: delay, error, stats or trace, such as delay=read:5ms (docs/filters/);\n' +
        'may be given several times, the first sees a request first',
      oneMoreFilter,
    );
}

/** The host's options from the words of the command line; what was not said is left to the host. */
export function attachOptions(name: string, options: DeviceOptions): AttachOptions {
  return {
    name,
    ...given({
      kernelDevice: options.kernelDevice,
      fuseTransport: options.transport,
      selector: options.selector,
      weights: options.weight,
      ghostWrites: options.ghostWrites,
      noPathRetry: options.whenNoPath,
      failback: options.failback,
      flapLimit: options.flapLimit,
      suspectAfter: options.suspectAfter,
      hedgeShare: options.hedge,
      hedgeAfter: options.hedgeAfter,
      ioTimeout: options.ioTimeout,
      tcpUserTimeout: options.tcpUserTimeout,
      reconnectFirst: options.reconnectFirst,
      reconnectLongest: options.reconnectLongest,
      keepAlive: options.keepAlive,
      quiesceTime: options.quiesceTime,
      headerDigest: options.headerDigest,
      dataDigest: options.dataDigest,
      queueSize: options.queueSize,
      timeout: options.timeout,
      filters: options.filter,
      readOnly: options.readOnly,
      hostNqn: options.hostNqn,
      hostId: options.hostId,
    }),
  };
}

/** Without the fields that are undefined: an option that was not given is no option that is undefined. */
export function given<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const kept: { [Key in keyof T]?: Exclude<T[Key], undefined> } = {};
  for (const key in fields) {
    const value = fields[key];
    if (isGiven(value)) kept[key] = value;
  }
  return kept;
}

function isGiven<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined;
}

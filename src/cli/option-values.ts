/** Values of options: from words to numbers, each refused with a sentence that names the option. */
import { Option } from 'commander';
import { CausewayError } from '../base/errors.ts';
import { parseDuration, parseSize } from '../base/units.ts';

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
export function durationOr(
  option: string,
  words: Readonly<Record<string, number>>,
  wanted: string,
): (text: string) => number {
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

export function refused(option: string, text: string, wanted: string): CausewayError {
  return new CausewayError(
    'invalid-argument',
    `${option} is ${JSON.stringify(text.slice(0, 100))}; it takes ${wanted}`,
  );
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

/** Sizes, durations and rates as people write and read them. */
import { CausewayError } from './errors.ts';

const SIZE_UNITS = ['', 'k', 'm', 'g', 't', 'p'] as const;
const SIZE_PATTERN = /^(\d{1,16})(?:([kmgtp])(?:ib)?|b)?$/i;

/**
 * Bytes of a size such as `4096`, `4k`, `512m` or `1GiB`; a unit is a power of 1024, as in fio and mkfs. `1GB` is refused
 * because people disagree about what it means.
 * @throws CausewayError `invalid-size`
 */
export function parseSize(text: string): number {
  const match = SIZE_PATTERN.exec(text.trim());
  const power = SIZE_UNITS.findIndex((unit) => unit === (match?.[2] ?? '').toLowerCase());
  const bytes = match === null ? Number.NaN : Number(match[1]) * 1024 ** power;
  if (!Number.isSafeInteger(bytes)) throw new CausewayError('invalid-size', `"${text}" is not a size.`);
  return bytes;
}

/** A size for people: `512 B`, `4 KiB`, `1.5 GiB`; one decimal below 100. */
export function formatSize(bytes: number): string {
  return scaled(bytes, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB']);
}

const DURATION_MS = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
const DURATION_PATTERN = /^(\d{1,12}(?:\.\d{1,6})?)([a-z]{1,2})$/;

/**
 * Milliseconds of a duration such as `500ms`, `1.5s`, `2m` or `0`. Anything but 0 needs its unit.
 * @throws CausewayError `invalid-duration`
 */
export function parseDuration(text: string): number {
  if (text.trim() === '0') return 0;
  const match = DURATION_PATTERN.exec(text.trim());
  const unit = DURATION_MS.get(match?.[2] ?? '');
  if (match === null || unit === undefined) {
    throw new CausewayError('invalid-duration', `"${text}" is not a duration.`);
  }
  return Number(match[1]) * unit;
}

/** A duration in milliseconds for people: `85 µs`, `1.2 ms`, `3.4 s`, `2 min 5 s`, `3 h 20 min`. */
export function formatDuration(milliseconds: number): string {
  // The limits lie where rounding would otherwise print 1000 of the smaller unit.
  if (milliseconds < 0.9995) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 999.5) return `${decimal(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${decimal(milliseconds / 1000)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A count or a rate for people, in powers of 1000: `999`, `150k`, `1.2M`. */
export function formatCount(count: number): string {
  return scaled(count, 1000, ['', 'k', 'M', 'G', 'T']);
}

/** One decimal below 100, none from there on, and no trailing `.0`. */
function decimal(value: number): string {
  return value < 99.95 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value;
  let power = 0;
  // The half keeps 1023.9 KiB from being printed as `1024 KiB`.
  while (rest >= base - 0.5 && power < units.length - 1) {
    rest /= base;
    power += 1;
  }
  return `${decimal(rest)}${units[power] ?? ''}`;
}

/**
 * A filter as people type it: `KIND[=PART[,PART…]]`, where a part is `NAME:VALUE`, a name alone for what is only switched
 * on, or, first and alone, the value that matters most.
 *
 *     delay=20ms                       delay=read:5ms,flush:20ms,jitter:1ms,seed:7
 *     error=medium-error,ops:read+write,from:1m,to:2m,skip:10,count:3,rate:0.01,after,seed:7
 *     stats
 *     trace=4096
 */
import { CausewayError } from '../base/errors.ts';
import { parseDuration, parseSize } from '../base/units.ts';
import { status, statusName } from '../block/status.ts';
import type { DelayOptions } from './delay.ts';
import type { ErrorOptions } from './error.ts';
import { type OpName, opNames } from './filter.ts';
import { type FilterSpec, filterKinds } from './spec.ts';

/** The parts of one filter: each is taken once, and none may be left over. */
class Parts {
  readonly #text: string;
  readonly #parts = new Map<string, string>();
  /** The first part, if it has no name. */
  readonly first: string | null;

  constructor(text: string, list: string, hasFirst: boolean, flags: readonly string[]) {
    this.#text = text;
    let first: string | null = null;
    for (const [index, part] of (list === '' ? [] : list.split(',')).entries()) {
      const at = part.indexOf(':');
      if (at === -1 && !flags.includes(part)) {
        if (index > 0 || !hasFirst || part === '') throw this.wrong(`"${part}" is not understood`);
        first = part;
        continue;
      }
      const name = at === -1 ? part : part.slice(0, at);
      if (this.#parts.has(name)) throw this.wrong(`"${name}" stands there twice`);
      this.#parts.set(name, at === -1 ? '' : part.slice(at + 1));
    }
    this.first = first;
  }

  wrong(what: string): CausewayError {
    return new CausewayError('invalid-argument', `the filter "${this.#text}" is not possible: ${what}`, {
      hint: 'Write it like delay=20ms, error=io-error,rate:0.01, stats or trace=1024; docs/filters/ has a page for each.',
    });
  }

  take(name: string): string | null {
    const value = this.#parts.get(name) ?? null;
    this.#parts.delete(name);
    return value;
  }

  number(name: string): number | null {
    const text = this.take(name);
    if (text === null) return null;
    if (!/^\d{1,15}(\.\d{1,15})?$/.test(text)) throw this.wrong(`"${text}" is no number`);
    return Number(text);
  }

  duration(name: string): number | null {
    const text = this.take(name);
    return text === null ? null : parseDuration(text);
  }

  size(name: string): number | null {
    const text = this.take(name);
    return text === null ? null : parseSize(text);
  }

  end(): void {
    const [left] = this.#parts.keys();
    if (left !== undefined) throw this.wrong(`"${left}" is not known`);
  }
}

function operation(parts: Parts, text: string): OpName {
  const name = text === 'write-zeroes' ? 'writeZeroes' : opNames.find((known) => known === text);
  if (name === undefined) throw parts.wrong(`"${text}" is no operation`);
  return name;
}

const operationTexts = ['read', 'write', 'flush', 'discard', 'write-zeroes'];

// What is left out is left out of the options, too: it keeps the filter's default.

function parseDelay(parts: Parts): DelayOptions {
  const byOp: Partial<Record<OpName, number>> = {};
  for (const text of operationTexts) {
    const milliseconds = parts.duration(text);
    if (milliseconds !== null) byOp[operation(parts, text)] = milliseconds;
  }
  const all = parts.first === null ? null : parseDuration(parts.first);
  const jitter = parts.duration('jitter');
  const seed = parts.number('seed');
  return { byOp, ...(all !== null && { all }), ...(jitter !== null && { jitter }), ...(seed !== null && { seed }) };
}

type StatusName = keyof typeof status;

const failures: readonly StatusName[] = [
  'ioError',
  'mediumError',
  'notSupported',
  'noSpace',
  'readOnly',
  'reservationConflict',
  'invalid',
  'transport',
  'timedOut',
  'gone',
  'busy',
];

function outcome(parts: Parts, text: string): StatusName {
  const name = failures.find((each) => statusName[status[each]] === text);
  if (name === undefined) throw parts.wrong(`"${text}" is no status (${statusName.slice(1).join(', ')})`);
  return name;
}

function parseError(parts: Parts): ErrorOptions {
  const ops = parts.take('ops');
  const [from, to] = [parts.size('from'), parts.size('to')];
  const [skip, count, rate, seed] = ['skip', 'count', 'rate', 'seed'].map((name) => parts.number(name) ?? undefined);
  return {
    ...(parts.first !== null && { status: outcome(parts, parts.first) }),
    ...(ops !== null && { ops: ops.split('+').map((text) => operation(parts, text)) }),
    ...(from !== null && { from }),
    ...(to !== null && { to }),
    ...(skip !== undefined && { skip }),
    ...(count !== undefined && { count }),
    ...(rate !== undefined && { rate }),
    ...(seed !== undefined && { seed }),
    when: parts.take('after') === null ? 'before' : 'after',
  };
}

/** @throws CausewayError `invalid-argument`, `invalid-duration`, `invalid-size` */
export function parseFilter(text: string): FilterSpec {
  const at = text.indexOf('=');
  const kind = at === -1 ? text : text.slice(0, at);
  const list = at === -1 ? '' : text.slice(at + 1);
  const known = filterKinds.find((each) => each === kind);
  const parts = new Parts(text, list, known !== 'stats', known === 'error' ? ['after'] : []);
  const spec = ((): FilterSpec => {
    switch (known) {
      case 'delay':
        return { kind: known, ...parseDelay(parts) };
      case 'error':
        return { kind: known, ...parseError(parts) };
      case 'stats':
        return { kind: known };
      case 'trace': {
        const entries = entriesOf(parts);
        return { kind: known, ...(entries !== null && { entries }) };
      }
      default:
        throw parts.wrong(`there is no "${kind}" (there are: ${filterKinds.join(', ')})`);
    }
  })();
  parts.end();
  return spec;
}

function entriesOf(parts: Parts): number | null {
  if (parts.first === null) return null;
  if (!/^\d{1,9}$/.test(parts.first)) throw parts.wrong(`"${parts.first}" is no number of entries`);
  return Number(parts.first);
}

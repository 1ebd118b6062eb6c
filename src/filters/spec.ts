/** Filters by name, as plain data that can travel to a reactor. */
import { CausewayError } from '../base/errors.ts';
import type { BlockDevice } from '../block/device.ts';
import { maxDepth } from '../block/request.ts';
import type { Io } from '../io/contract.ts';
import { DelayFilter, type DelayOptions } from './delay.ts';
import { ErrorFilter, type ErrorOptions } from './error.ts';
import { StatsFilter } from './stats.ts';
import { TraceFilter, type TraceOptions } from './trace.ts';

/** One filter: its kind and that kind's options. */
export type FilterSpec =
  | ({ readonly kind: 'delay' } & DelayOptions)
  | ({ readonly kind: 'error' } & ErrorOptions)
  | { readonly kind: 'stats' }
  | ({ readonly kind: 'trace' } & TraceOptions);

export type FilterKind = FilterSpec['kind'];

export const filterKinds: readonly FilterKind[] = ['delay', 'error', 'stats', 'trace'];

/**
 * A volume may have filters, and so may what is served from it; each may take a place in a request, as do the door's user,
 * the counters, and what is below.
 */
export const maxFilters = (maxDepth - 4) / 2;

/** What a filter has to say, for people. Empty for one that only acts. */
export interface FilterReport {
  readonly kind: FilterKind;
  readonly text: string;
}

/** A device with filters in front of it: the first of the list is the outermost, the first to see a request. */
export interface FilteredDevice {
  readonly device: BlockDevice;
  /** In the order of the list. */
  readonly report: () => FilterReport[];
}

type Made = { readonly device: BlockDevice; readonly text: () => string };

function makeFilter(io: Io, inner: BlockDevice, spec: FilterSpec): Made {
  switch (spec.kind) {
    case 'delay': {
      const device = new DelayFilter(io, inner, spec);
      return { device, text: () => `${device.held} held now` };
    }
    case 'error': {
      const device = new ErrorFilter(io, inner, spec);
      return { device, text: () => `${device.injected} failed through this filter` };
    }
    case 'stats': {
      const device = new StatsFilter(io, inner);
      return { device, text: () => device.describe() };
    }
    case 'trace': {
      const device = new TraceFilter(io, inner, spec);
      return { device, text: () => device.dump().join('\n') };
    }
  }
}

/**
 * Checks what is told from the names alone; each filter checks its own numbers.
 * @throws CausewayError `invalid-argument`
 */
export function checkFilters(specs: readonly FilterSpec[]): void {
  if (specs.length > maxFilters) {
    throw new CausewayError('invalid-argument', `${specs.length} filters are too many: ${maxFilters} are possible`);
  }
  for (const { kind } of specs) {
    if (filterKinds.includes(kind)) continue;
    throw new CausewayError('invalid-argument', `there is no filter "${kind}" (there are: ${filterKinds.join(', ')})`);
  }
}

/** @throws CausewayError `invalid-argument` */
export function putFilters(io: Io, device: BlockDevice, specs: readonly FilterSpec[]): FilteredDevice {
  checkFilters(specs);
  const made: { kind: FilterKind; text: () => string }[] = [];
  let outermost = device;
  for (const spec of specs.toReversed()) {
    const filter = makeFilter(io, outermost, spec);
    outermost = filter.device;
    made.unshift({ kind: spec.kind, text: filter.text });
  }
  return { device: outermost, report: () => made.map(({ kind, text }) => ({ kind, text: text() })) };
}

/** All that says when a path carries I/O again, or no more, and when reads are tried elsewhere; by default as in the parts. */
import { type ComebackOptions, comebackOptions } from './comebacks.ts';
import { defaultSuspectAfter, type HealthOptions } from './health.ts';
import { defaultHedgeShare, type HedgeOptions } from './hedger.ts';

export type PathLife = Required<ComebackOptions> & Required<HealthOptions> & Required<HedgeOptions>;

/** Those that are given, and the defaults of the others. */
export function pathLife(given: ComebackOptions & HealthOptions & HedgeOptions): PathLife {
  return {
    ...comebackOptions(given),
    suspectAfter: given.suspectAfter ?? defaultSuspectAfter,
    hedgeShare: given.hedgeShare ?? defaultHedgeShare,
    hedgeAfter: given.hedgeAfter ?? 0,
  };
}

/** All that says when a path carries I/O, when reads are tried elsewhere, and when a path is not waited for. */
import { type ComebackOptions, comebackOptions } from './comebacks.ts';
import { type FastFailOptions, noFastFail } from './fast-fail.ts';
import { defaultSuspectAfter, type HealthOptions } from './health.ts';
import { defaultHedgeShare, type HedgeOptions } from './hedger.ts';

type Options = ComebackOptions & HealthOptions & HedgeOptions & FastFailOptions;

export type PathLife = Required<Options>;

/** Those that are given, and the defaults of the others. */
export function pathLife(given: Options): PathLife {
  return {
    ...comebackOptions(given),
    suspectAfter: given.suspectAfter ?? defaultSuspectAfter,
    hedgeShare: given.hedgeShare ?? defaultHedgeShare,
    hedgeAfter: given.hedgeAfter ?? 0,
    fastIoFail: given.fastIoFail ?? noFastFail,
  };
}

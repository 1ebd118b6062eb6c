/** All that says when a path carries I/O again, or no more; by default as in the parts. */
import { type ComebackOptions, comebackDefaults } from './comebacks.ts';
import { defaultSuspectAfter, type HealthOptions } from './health.ts';

export type PathLife = Required<ComebackOptions> & Required<HealthOptions>;

/** Those that are given, and the defaults of the others. */
export function pathLife(given: ComebackOptions & HealthOptions): PathLife {
  const { failback, flapLimit, flapWindow, flapHold, suspectAfter } = given;
  return {
    failback: failback ?? comebackDefaults.failback,
    flapLimit: flapLimit ?? comebackDefaults.flapLimit,
    flapWindow: flapWindow ?? comebackDefaults.flapWindow,
    flapHold: flapHold ?? comebackDefaults.flapHold,
    suspectAfter: suspectAfter ?? defaultSuspectAfter,
  };
}

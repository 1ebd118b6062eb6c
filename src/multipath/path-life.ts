/** All that says when a path carries I/O again, or no more; by default as in the parts. */
import { type ComebackOptions, comebackOptions } from './comebacks.ts';
import { defaultSuspectAfter, type HealthOptions } from './health.ts';

export type PathLife = Required<ComebackOptions> & Required<HealthOptions>;

/** Those that are given, and the defaults of the others. */
export function pathLife(given: ComebackOptions & HealthOptions): PathLife {
  return { ...comebackOptions(given), suspectAfter: given.suspectAfter ?? defaultSuspectAfter };
}

/** The command line of the simulator. */
import { CausewayError } from '../src/base/errors.ts';
import { isMutationName, type MutationName, mutationNames } from './mutations/names.ts';

export interface SimOptions {
  readonly seeds: number;
  readonly firstSeed: number;
  /** One seed only, told in full. */
  readonly single: boolean;
  readonly mutation: MutationName | null;
  readonly minimize: boolean;
  /** Processes that share the seeds. */
  readonly jobs: number;
}

/** From so many seeds on it pays to share them, if nobody says how. */
const seedsToShare = 100;
const mostJobs = 256;

export const usage = `Usage: npm run sim -- [options]
  --seeds N         how many seeds to run (default 300)
  --first-seed S    the first of them (default 1)
  --seed S          this one only
  --jobs N          processes that share the seeds (default: one for each CPU from 100 seeds on, else 1)
  --mutate NAME     with a fault built in: ${mutationNames.join(', ')}
  --minimize        make the first failing run as small as possible
Ends with 0 when every seed was clean, 1 when something was found, 2 when this text was needed.`;

/** @param cpus of this machine. @throws CausewayError `invalid-argument` */
export function parseOptions(args: readonly string[], cpus: number): SimOptions {
  let seeds = 300;
  let firstSeed = 1;
  let single = false;
  let mutation: MutationName | null = null;
  let minimize = false;
  let jobs = 0;
  for (let at = 0; at < args.length; at += 1) {
    const name = args[at]!;
    if (name === '--minimize') {
      minimize = true;
      continue;
    }
    at += 1;
    const value = args[at];
    if (value === undefined) throw new CausewayError('invalid-argument', `${name} is not known, or needs a value`);
    switch (name) {
      case '--seeds':
        seeds = whole(name, value, 1);
        break;
      case '--first-seed':
        firstSeed = whole(name, value, 0);
        break;
      case '--seed':
        firstSeed = whole(name, value, 0);
        seeds = 1;
        single = true;
        break;
      case '--jobs':
        jobs = whole(name, value, 1, mostJobs);
        break;
      case '--mutate':
        if (!isMutationName(value)) throw new CausewayError('invalid-argument', `there is no mutation ${value}`);
        mutation = value;
        break;
      default:
        throw new CausewayError('invalid-argument', `there is no option ${name}`);
    }
  }
  // A fault that is built in is found soon, and the first seed that finds it is the one to name.
  if (jobs === 0) jobs = seeds < seedsToShare || mutation !== null ? 1 : cpus;
  return { seeds, firstSeed, single, mutation, minimize, jobs };
}

function whole(name: string, text: string, least: number, most = 2 ** 40): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new CausewayError('invalid-argument', `${name} takes a whole number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}

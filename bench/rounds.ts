/**
 * Measures contestants in turn, A B A B …, so that whatever changes on the machine meanwhile meets all of them. A sample
 * that others disturbed is taken again while the run's patience lasts; what is thrown away is decided by their CPU time
 * alone, never by the result.
 */
import { cpuBetween, readCpu, type WatchedProcess } from './cpu-time.ts';
import { makeSample, type Measured, type Sample } from './sample.ts';
import type { Workload } from './workloads.ts';

export interface Contestant {
  readonly name: string;
  /** Whose CPU time belongs to it. */
  readonly processes: readonly WatchedProcess[];
  measure(workload: Workload, seconds: number): Promise<Measured>;
}

export interface Series {
  readonly workload: Workload;
  readonly contestant: string;
  readonly samples: readonly Sample[];
  /** Samples that were thrown away because others disturbed them. */
  readonly disturbed: number;
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Samples that may be taken again, in the whole run. */
  readonly patience: Patience;
  readonly say: (message: string) => void;
}

/** A sample counts as disturbed when others took more than this of one CPU. */
export const foreignLimit = 0.04;
/** Engines compile and caches fill: this much is not counted, seconds. */
const warmUp = 0.7;

export class Patience {
  #left: number;

  constructor(samples: number) {
    this.#left = samples;
  }

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}

async function sampleOf(contestant: Contestant, workload: Workload, seconds: number): Promise<Sample> {
  const before = readCpu(contestant.processes);
  const measured = await contestant.measure(workload, seconds);
  const use = cpuBetween(before, readCpu(contestant.processes), measured.cpu);
  return makeSample(measured, use.parts, use.foreign / use.elapsed);
}

/** Measures every workload with every contestant. */
export async function takeTurns(
  contestants: readonly Contestant[],
  workloads: readonly Workload[],
  options: RoundsOptions,
): Promise<Series[]> {
  const all: Series[] = [];
  for (const workload of workloads) {
    options.say(workload.name);
    for (const contestant of contestants) await contestant.measure(workload, warmUp);
    const kept = contestants.map(() => ({ samples: [] as Sample[], disturbed: 0 }));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [index, contestant] of contestants.entries()) {
        const entry = kept[index];
        if (entry === undefined) continue;
        let sample = await sampleOf(contestant, workload, options.seconds);
        while (sample.foreign > foreignLimit && options.patience.take()) {
          entry.disturbed += 1;
          sample = await sampleOf(contestant, workload, options.seconds);
        }
        entry.samples.push(sample);
      }
    }
    for (const [index, entry] of kept.entries()) {
      all.push({ workload, contestant: contestants[index]?.name ?? '', ...entry });
    }
  }
  return all;
}

/** The series of a contestant in a workload. @throws Error if it was not measured */
export function seriesOf(all: readonly Series[], contestant: string, workload: Workload): Series {
  const found = all.find((series) => series.contestant === contestant && series.workload === workload);
  if (found === undefined) throw new Error(`${contestant} was not measured with ${workload.name}`);
  return found;
}

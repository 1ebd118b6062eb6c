/**
 * Many seeds, in this process or shared among several. A seed's run depends on nothing but the seed, so who runs it and
 * beside what makes no difference; only the order of the results does not follow the seeds.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { concerns, mutate } from './mutations/mutate.ts';
import type { MutationName } from './mutations/names.ts';
import { run, type RunResult } from './run.ts';
import { drawScenario } from './scenario.ts';
import type { WorkerOrder } from './worker.ts';

export interface FleetOrder {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly mutation: MutationName | null;
  /** Processes. */
  readonly jobs: number;
}

export interface FleetListener {
  /** A seed was run; false ends all. */
  onResult(result: RunResult): boolean;
  /** The fault that is built in changes nothing that this seed does. */
  onUnconcerned(seed: number): void;
}

const usualWorker = new URL('./worker.js', import.meta.url);
/** Seeds that a process has at once: it never waits for the next one. */
const seedsAhead = 2;

/** Runs them all. @throws Error if a process dies under a seed */
export async function runSeeds(order: FleetOrder, listener: FleetListener, worker = usualWorker): Promise<void> {
  const seeds = concerned(order, listener);
  if (order.jobs > 1) await shareOut(seeds, order, listener, worker);
  else await runHere(seeds, order, listener);
}

function* concerned({ firstSeed, seeds, mutation }: FleetOrder, listener: FleetListener): Generator<number> {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    if (concerns(mutation, drawScenario(seed))) yield seed;
    else listener.onUnconcerned(seed);
  }
}

async function runHere(seeds: Iterable<number>, { mutation }: FleetOrder, listener: FleetListener): Promise<void> {
  for (const seed of seeds) {
    const result = await run(mutate(mutation, drawScenario(seed)));
    if (!listener.onResult(result)) return;
  }
}

async function shareOut(
  seeds: Generator<number>,
  { jobs, mutation }: FleetOrder,
  listener: FleetListener,
  worker: URL,
): Promise<void> {
  const processes = new Set<ChildProcess>();
  let isOver = false;
  const endAll = (): void => {
    isOver = true;
    for (const child of processes) child.kill();
  };
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(worker, { serialization: 'advanced' });
      const has = new Set<number>();
      processes.add(child);
      const next = (): void => {
        const { value: seed, done } = seeds.next();
        if (done !== true) {
          has.add(seed);
          child.send({ seed, mutation } satisfies WorkerOrder);
        } else if (has.size === 0) {
          child.disconnect();
        }
      };
      child.on('message', (result: RunResult) => {
        if (isOver) return;
        has.delete(result.scenario.seed);
        isOver = !listener.onResult(result);
        if (isOver) endAll();
        else next();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        processes.delete(child);
        if (has.size === 0 || isOver) resolve();
        else reject(new Error(`a process died (${signal ?? code}) under seed ${[...has].join(' or ')}`));
      });
      for (let ahead = 0; ahead < seedsAhead && child.connected; ahead += 1) next();
    });
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    endAll();
  }
}

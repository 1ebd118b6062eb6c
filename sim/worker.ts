/** A process that runs seeds for `fleet.ts`: each as it comes, and the result goes back. */
import { mutate } from './mutations/mutate.ts';
import type { MutationName } from './mutations/names.ts';
import { run } from './run.ts';
import { drawScenario } from './scenario.ts';

/** One seed to run. */
export interface WorkerOrder {
  readonly seed: number;
  readonly mutation: MutationName | null;
}

const orders: WorkerOrder[] = [];
let isRunning = false;

async function runAll(): Promise<void> {
  if (isRunning) return;
  isRunning = true;
  for (let order = orders.shift(); order !== undefined; order = orders.shift()) {
    process.send?.(await run(mutate(order.mutation, drawScenario(order.seed))));
  }
  isRunning = false;
}

process.on('message', (order: WorkerOrder) => {
  orders.push(order);
  void runAll();
});
// Whoever wanted the results has gone, however that went.
process.on('disconnect', () => process.exit(0));

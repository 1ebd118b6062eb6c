/**
 * The second half of a batch, shared by both bodies: the tasks given to `later`, then what is to be flushed.
 *
 * Order. Tasks run first in, first out, and a task that adds a task finds it run in the same batch. Flushing comes
 * after the last task, so that whatever tasks gathered (segments of a connection, say) goes out in one piece. What a
 * flush itself adds, be it a task or something to flush, waits for the next batch, which follows at once because
 * `pending` is true then: a flushable that adds itself again cannot keep the loop from reaping completions.
 *
 * Bound. Two tasks that keep adding each other would never let a batch end. So a batch runs at most TASKS_PER_BATCH
 * tasks; the rest stays queued, in order, and runs in the next batch, after the completions that arrived meanwhile. The
 * flush comes in any case: work is handed out at least once in so many tasks. No promise of the contract is broken by
 * that, because a task is only told that it runs after the owners of the completions that were reaped *before* it was
 * queued.
 */
import type { Flushable, Task } from './contract.ts';
import { GrowingQueue } from './growing-queue.ts';

/**
 * A task takes about 100 ns, so a batch ends within a few milliseconds: far below any deadline, and far more than the
 * tasks of all requests that one reactor can have under way (256 tags, a dozen devices above each other).
 */
const TASKS_PER_BATCH = 16_384;

export class BatchQueue {
  readonly #tasks = new GrowingQueue<Task>(1024);
  readonly #flushables = new GrowingQueue<Flushable>(256);

  /** True if something is queued: the loop must not wait, the next batch is due now. */
  get pending(): boolean {
    return this.#tasks.size > 0 || this.#flushables.size > 0;
  }

  later(task: Task): void {
    this.#tasks.push(task);
  }

  atEndOfBatch(work: Flushable): void {
    this.#flushables.push(work);
  }

  /** Runs what is queued, as described above. A task that throws is taken off the queue before; the rest stays. */
  run(): void {
    const tasks = this.#tasks;
    for (let count = 0; count < TASKS_PER_BATCH; count += 1) {
      const task = tasks.shift();
      if (task === null) break;
      task.run();
    }
    const flushables = this.#flushables;
    for (let left = flushables.size; left > 0; left -= 1) flushables.shift()?.flush();
  }
}

/**
 * Asks a controller whether it is alive, because commands lie on one of its queues without an answer while other
 * controllers answer. One whose admin queue is silent as well is given up at once: whoever waited for the keep-alive
 * time-out would keep the writes that lie there from the paths that live, for a quarter of a minute by default. One that
 * answers has a command or a queue that hangs: that is what the I/O timeout and Abort are for.
 */
import type { Io } from '../../io/contract.ts';

/**
 * Long enough for a controller that is busy with something else, short enough that a write is answered elsewhere within
 * two seconds, the time to become suspicious included. Milliseconds.
 */
export const probeMs = 1000;
const stepMs = 50;

export interface ProbedController {
  /** Resolves when the controller has answered. @throws CausewayError when it is lost, which others are told of */
  askAlive(): Promise<void>;
}

/** False if the controller has not answered in time. Time in which our own loop stood still does not count. */
export async function isAlive(io: Io, controller: ProbedController): Promise<boolean> {
  const over = io.deferred<void>();
  const settle = (): void => over.resolve();
  void controller.askAlive().then(settle, settle);
  for (let waited = 0; waited < probeMs && !over.settled; ) {
    await io.sleep(stepMs);
    if (io.slip === 0) waited += stepMs;
  }
  return over.settled;
}

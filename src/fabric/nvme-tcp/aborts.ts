/**
 * Calls commands of one life back that have had no answer for too long (NVMe Base, "Abort command"), so that one command
 * that hangs does not cost a whole controller. Control.
 *
 * Nothing is concluded from an Abort's own answer. What becomes of the command is said by its completion, which comes over
 * its own queue, whatever its status: from then on it can not be executed any more. If none comes within the grace
 * (queue-pair.ts), for whatever reason, be it that the controller refuses Abort, or that its admin queue does not answer
 * either, the reactor says so, and the controller is condemned.
 *
 * Why an Abort that comes late harms nobody. It names a cid, and by the time it is read the command may have ended and its
 * slot be in use again: then the count of uses in the cid (command-slot.ts) is another one, and no command of that number
 * is found. Only where the slot was used just 64 times meanwhile does the Abort hit a command that it is not meant for. That
 * one ends by its own completion as well, as one that the array aborted, and is sent again like any other.
 */
import { BoundedQueue } from '../../base/bounded-queue.ts';
import { expectedError } from './transport-error.ts';

/** What is needed of the controller. */
export interface AbortingController {
  readonly alive: boolean;
  abortCommand(qid: number, cid: number): Promise<boolean>;
}

interface Overdue {
  readonly qid: number;
  readonly cid: number;
}

/** As many as may hang on a queue or two; what is beyond them is left to the grace. */
const mostWaiting = 512;
/** Whatever the controller takes at once, keep-alives and logs have to find room on the admin queue besides. */
const mostAtOnce = 8;

export class Aborts {
  readonly #controller: AbortingController;
  readonly #atOnce: number;
  readonly #waiting = new BoundedQueue<Overdue>(mostWaiting);
  #running = 0;

  /** @param acl Abort Command Limit: how many the controller takes at once, less one */
  constructor(controller: AbortingController, acl: number) {
    this.#controller = controller;
    this.#atOnce = Math.min(acl + 1, mostAtOnce);
  }

  /** Has command `cid` of queue `qid` called back, as soon as it is its turn. */
  ask(qid: number, cid: number): void {
    if (this.#waiting.push({ qid, cid }) && this.#running < this.#atOnce) void this.#run();
  }

  /** Sends one after the other, until none is left to be sent or the controller is given up. */
  async #run(): Promise<void> {
    this.#running += 1;
    try {
      while (this.#controller.alive) {
        const next = this.#waiting.shift();
        if (next === null) break;
        await this.#controller.abortCommand(next.qid, next.cid);
      }
    } catch (error) {
      // The admin queue was lost, and the life with it.
      expectedError(error);
    }
    this.#running -= 1;
  }
}

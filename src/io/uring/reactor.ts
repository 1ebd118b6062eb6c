/**
 * The loop of one reactor thread. While only I/O happens it stays in one synchronous loop and sleeps nowhere but in
 * `io_uring_enter`. When control work is due (a promise was settled, the doorbell rang) it goes back to the JavaScript
 * event loop once, so that promises and messages run, and continues.
 */
import fs from 'node:fs';
import { longestWait, type UringIo } from './io.ts';

/** Logs and ends the process the way a crash would: what was in flight is recovered from, never guessed about. */
export function dieLoudly(what: string, error: unknown): never {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  fs.writeSync(2, `causeway: fatal error in ${what}: ${text}\n`);
  // process.exit and worker.terminate hang or abort while a thread sits in a system call.
  process.kill(process.pid, 'SIGKILL');
  // The signal ends this thread too; until then nothing else may run.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

export class Reactor {
  readonly io: UringIo;
  readonly name: string;
  #stopping = false;
  #onStopped: (() => void) | null = null;
  readonly #runBound = (): void => this.#run();

  constructor(name: string, io: UringIo) {
    this.name = name;
    this.io = io;
  }

  start(): void {
    setImmediate(this.#runBound);
  }

  /** Ends the loop after the present batch. Everything that was open has been closed before. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStopped = resolve;
      this.#stopping = true;
    });
  }

  #run(): void {
    const { io } = this;
    try {
      io.controlDue = false;
      // Ten times a second in any case: a message without a doorbell, and the engine's own tasks, get their turn.
      const until = io.clock.now() + longestWait;
      do {
        io.turn();
      } while (!io.controlDue && !this.#stopping && io.clock.now() < until);
      if (this.#stopping) {
        io.close();
        this.#onStopped?.();
        return;
      }
    } catch (error) {
      dieLoudly(this.name, error);
    }
    setImmediate(this.#runBound);
  }
}

/**
 * What every reactor thread begins with: its I/O body, its loop, and the answering of calls. The services that a
 * reactor offers are given by the entry file of its kind.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { UringIo } from '../io/uring/io.ts';
import { dieLoudly, Reactor } from '../io/uring/reactor.ts';
import type { ReactorPlan } from './reactor-thread.ts';
import { answerCall, type CallMessage, errorAsData, fromThread, type Methods } from './rpc.ts';

/** What a service is made from. */
export interface WorkerContext {
  readonly io: UringIo;
  readonly name: string;
  /** Tells the main thread. */
  readonly emit: (event: string, body: unknown) => void;
}

/** Runs the reactor of this thread until it is asked to stop. */
export function runWorker(makeMethods: (context: WorkerContext) => Methods): void {
  const port = parentPort;
  assert(port !== null, 'a reactor runs in a worker thread');
  const plan = fromThread<ReactorPlan>(workerData);
  process.on('uncaughtException', (error) => dieLoudly(plan.name, error));
  process.on('unhandledRejection', (error) => dieLoudly(plan.name, error));

  let io: UringIo;
  try {
    io = new UringIo(plan.io);
  } catch (error) {
    // The first call is `start`: it gets the reason, and the thread ends.
    port.once('message', (message: CallMessage) => {
      port.postMessage({ answer: message.call, error: errorAsData(error) });
      port.close();
    });
    return;
  }
  const reactor = new Reactor(plan.name, io);
  const methods: Methods = {
    ...makeMethods({ io, name: plan.name, emit: (event, body) => port.postMessage({ event, body }) }),
    start: () => Promise.resolve({ doorbell: io.doorbell, clock: io.clock.now() }),
    stop: () => reactor.stop(),
  };
  port.on('message', (message: CallMessage) => {
    void answerCall(methods, message).then((answer) => {
      port.postMessage(answer);
      if (message.method === 'stop') port.close();
    });
  });
  reactor.start();
}

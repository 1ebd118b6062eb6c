/**
 * What every reactor thread begins with: its I/O body, its loop, and the answering of calls. The services that a
 * reactor offers are given by the entry file of its kind.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { UringIo } from '../io/uring/io.ts';
import { dieLoudly, Reactor } from '../io/uring/reactor.ts';
import { nameThread, pinThread } from '../native/threads.ts';
import type { ReactorPlan, StartedReactor } from './reactor-thread.ts';
import { answerCall, type CallMessage, errorAsData, fromThread, type Methods, noAnswer } from './rpc.ts';

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

  nameThread(plan.name);
  let io: UringIo;
  try {
    if (plan.cpu !== undefined) pin(plan.name, plan.cpu);
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
    start: () => {
      const { base: address, size: bytes } = io.memory;
      const started: StartedReactor = { doorbell: io.doorbell, clock: io.clock.now(), memory: { address, bytes } };
      return Promise.resolve(started);
    },
    stop: () => reactor.stop(),
  };
  port.on('message', (message: CallMessage) => {
    void answerCall(methods, message).then((answer) => {
      if (message.call !== noAnswer) port.postMessage(answer);
      else if (answer.error !== undefined) dieLoudly(plan.name, new Error(answer.error.message));
      if (message.method === 'stop') port.close();
    });
  });
  reactor.start();
}

/** @throws CausewayError `invalid-argument` */
function pin(name: string, cpu: number): void {
  if (pinThread(cpu) === 0) return;
  throw new CausewayError('invalid-argument', `${name} cannot run on CPU ${cpu}: this process has no such CPU`);
}

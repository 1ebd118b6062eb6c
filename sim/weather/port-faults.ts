/** What goes wrong with a port of the array. */
import { anyPort, during, type Fault, type FaultCall } from './stand.ts';

export const cutPort: Fault = async (call) => {
  const port = anyPort(call);
  call.stand.note(`port ${port} cuts its connections`);
  call.stand.array.withFaults((faults) => faults.cutPort(port));
};

export const closePort: Fault = async (call) => {
  const { stand, duration } = call;
  const port = anyPort(call);
  stand.note(`port ${port} closes, for ${duration.toFixed(0)} ms`);
  await stand.array.order((faults) => faults.closePort(port));
  await stand.clock.sleep(duration);
  await openPort(call, port);
};

export const flapPort: Fault = async (call) => {
  const { stand, random, duration } = call;
  const port = anyPort(call);
  const times = 2 + random.below(4);
  stand.note(`port ${port} closes and opens ${times} times`);
  for (let left = times; left > 0; left -= 1) {
    await stand.array.order((faults) => faults.closePort(port));
    await stand.clock.sleep((duration / times) * random.float());
    await openPort(call, port);
    await stand.clock.sleep((duration / times) * random.float());
  }
};

/**
 * Its connections end with it: an event that was swallowed would never be told again, and no array loses a part of what
 * it sends over a connection that goes on.
 */
export const swallowPort: Fault = async (call) => {
  const { stand } = call;
  const port = anyPort(call);
  stand.note(`port ${port} swallows everything, for ${call.duration.toFixed(0)} ms`);
  stand.array.withFaults((faults) => faults.swallowPort(port));
  await stand.clock.sleep(call.duration);
  stand.array.withFaults((faults) => faults.cutPort(port));
  await openPort(call, port);
};

export const refusePort: Fault = async (call) => {
  const { stand } = call;
  const port = anyPort(call);
  stand.note(`port ${port} takes no new connections, for ${call.duration.toFixed(0)} ms`);
  stand.array.withFaults((faults) => faults.refusePort(port));
  await stand.clock.sleep(call.duration);
  await openPort(call, port);
};

async function openPort({ stand }: FaultCall, port: number): Promise<void> {
  stand.note(`port ${port} is open`);
  await stand.array.order((faults) => faults.openPort(port));
}

export const slowAnswers: Fault = async (call) => {
  const port = anyPort(call);
  const delay = 1 + call.random.float() * 400;
  const { array } = call.stand;
  await during(
    call,
    `port ${port} answers ${delay.toFixed(0)} ms late`,
    () => array.withFaults((faults) => faults.delayAnswers(port, delay)),
    () => array.withFaults((faults) => faults.delayAnswers(port, 0)),
  );
};

export const slowExecution: Fault = async (call) => {
  const port = anyPort(call);
  const milliseconds = 1 + call.random.float() * 400;
  const writesOnly = call.random.below(2) === 0;
  const { array } = call.stand;
  await during(
    call,
    `port ${port} executes ${writesOnly ? 'writes' : 'commands'} ${milliseconds.toFixed(0)} ms late`,
    () => array.withFaults((faults) => faults.delayExecution(port, { milliseconds, writesOnly })),
    () => array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 0 })),
  );
};

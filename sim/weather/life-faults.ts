/** The host dies, or its program begins anew, and the next one takes the volume up where the last one left it. */
import type { HostEnd } from '../host-lives.ts';
import { anyPort, type Fault, type FaultCall } from './stand.ts';

/** How it dies, by seed: mostly as by `kill -9`. */
const ends: readonly HostEnd[] = [
  'killed',
  'killed',
  'killed',
  'killed',
  'killed',
  'killed',
  'file-torn',
  'powered-off',
];

/**
 * The host dies at any moment, often while the array holds writes of it back, so that they become ghosts. The next
 * program is there at once or some time later, and may die as well while it keeps what it inherited.
 */
export const crashHost: Fault = async (call) => {
  const { stand, random, duration } = call;
  const undo = random.below(3) > 0 ? holdWrites(call) : () => {};
  stand.burst();
  await stand.clock.sleep(60 * random.float());
  const pause = random.below(2) === 0 ? duration * random.float() : 5 * random.float();
  const stands = await stand.restartHost(ends[random.below(ends.length)]!, pause, random);
  undo();
  stand.burst();
  await stand.clock.sleep(600 * random.float());
  stand.burst();
  if (!stands || random.below(3) > 0) return;
  await stand.restartHost('killed', 5 * random.float(), random);
  stand.burst();
};

/** A port executes writes so late that they are under way when the host dies. */
function holdWrites(call: FaultCall): () => void {
  const { array } = call.stand;
  const ports = [anyPort(call), anyPort(call)];
  for (const port of ports) {
    array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 3000, writesOnly: true }));
  }
  call.stand.note(`ports ${ports.join(', ')} hold writes back`);
  return () => {
    for (const port of ports) array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 0 }));
  };
}

/**
 * The administrator detaches the volume and attaches it again, as at a change of the program; mostly just after writes
 * were lost with a port, so that something is in quarantine then.
 */
export const restartHost: Fault = async (call) => {
  const { stand, random, duration } = call;
  const undo = random.below(4) > 0 ? holdWrites(call) : () => {};
  stand.burst();
  await stand.clock.sleep(60 * random.float());
  const port = anyPort(call);
  stand.note(`port ${port} cuts its connections`);
  stand.array.withFaults((faults) => faults.cutPort(port));
  undo();
  await stand.restartHost('detached', duration * random.float(), random);
  stand.burst();
};

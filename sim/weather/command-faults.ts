/** What goes wrong with single commands, and with what is said about them on the wire. */
import { outcomeName, outcomeRow } from '../../src/fabric/nvme-tcp/status.ts';
import { status as blockStatus } from '../../src/block/status.ts';
import { everyStatus } from '../statuses.ts';
import { failQueued } from './host-faults.ts';
import { anyPort, everyPort, type Fault, type FaultCall, hostOf } from './stand.ts';

/** So often the host believes that a path only asks for patience (multipath/retry.ts). */
const patience = 8;

/** Writes are held by the array when their connection ends: they become ghosts, if the port makes any. */
export const lostWrites: Fault = async (call) => {
  const { stand, random, duration } = call;
  const { array, clock } = stand;
  const port = anyPort(call);
  const hold = 5 + random.float() * 60;
  stand.note(`port ${port} holds writes back, and loses its connections ${hold.toFixed(0)} ms later`);
  array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 3000, writesOnly: random.below(4) > 0 }));
  // On a path that lives writes are under way for longer, so that lost ones overlap them.
  const slow = random.below(2) === 0 ? anyPort(call) : port;
  const milliseconds = 20 + 200 * random.float();
  if (slow !== port) array.withFaults((faults) => faults.delayExecution(slow, { milliseconds, writesOnly: true }));
  stand.burst();
  await clock.sleep(hold);
  const undo = await losePort(call, port);
  stand.burst();
  await clock.sleep(duration / 2);
  stand.note(`port ${port} holds writes back no more`);
  if (slow !== port) array.withFaults((faults) => faults.delayExecution(slow, { milliseconds: 0 }));
  array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 0 }));
  stand.burst();
  await clock.sleep(duration / 2);
  await undo();
};

/** Every port holds writes back, and most of them lose their connections, one soon after the other. */
export const ghostStorm: Fault = async (call) => {
  const { stand, random, duration } = call;
  const { array, clock, network } = stand;
  const hold = (milliseconds: number): void => {
    for (const port of everyPort(stand)) {
      array.withFaults((faults) => faults.delayExecution(port, { milliseconds, writesOnly: true }));
    }
  };
  stand.note('every port holds writes back, and loses its connections soon');
  hold(3000);
  stand.burst();
  for (const port of everyPort(stand)) {
    await clock.sleep(1 + 25 * random.float());
    if (random.below(4) === 0) continue;
    stand.burst();
    if (random.below(2) === 0) network.drop(hostOf(port));
    else array.withFaults((faults) => faults.cutPort(port));
  }
  await clock.sleep(duration * random.float());
  stand.note('no port holds writes back any more');
  hold(0);
  stand.burst();
};

/** As `lostWrites`, and while they wait for their fences the administrator ends them with an error. */
export const failHeld: Fault = async (call) => {
  const { stand, random, duration } = call;
  const { array, clock } = stand;
  const port = anyPort(call);
  stand.note(`port ${port} holds writes back, and loses its connections soon`);
  array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 3000, writesOnly: true }));
  stand.burst();
  await clock.sleep(20 * random.float());
  const undo = await losePort(call, port);
  await clock.sleep(300 * random.float());
  await failQueued(call);
  array.withFaults((faults) => faults.delayExecution(port, { milliseconds: 0 }));
  for (let left = 4; left > 0; left -= 1) {
    stand.burst();
    await clock.sleep(duration / 4);
  }
  await undo();
};

/** One of the ways in which a port's connections end; returns what mends it. */
async function losePort({ stand, random }: FaultCall, port: number): Promise<() => Promise<void>> {
  const { array, network } = stand;
  switch (random.below(6)) {
    case 0:
      network.blackhole(hostOf(port));
      return async () => network.heal(hostOf(port));
    case 1:
      network.drop(hostOf(port));
      break;
    case 2:
      array.endController(port, random);
      break;
    case 3:
      await array.order((faults) => faults.closePort(port));
      return async () => await array.order((faults) => faults.openPort(port));
    case 4:
      network.drop(hostOf(port), `host${random.below(stand.scenario.host.reactors)}`);
      break;
    default:
      array.withFaults((faults) => faults.cutPort(port));
  }
  return async () => {};
}

/** Goes through the whole table, one after the other, seed by seed. */
export const forceStatus: Fault = async (call) => {
  const { stand, random, turn } = call;
  const ports = stand.scenario.spared || random.below(2) === 0 ? [anyPort(call)] : everyPort(stand);
  // Where nothing may fail, only what another path mends.
  const choices = stand.scenario.spared
    ? everyStatus.filter((code) => outcomeRow(code).retry === 'elsewhere')
    : everyStatus;
  const code = choices[turn % choices.length]!;
  const row = outcomeRow(code);
  const count = 1 + random.below(2);
  stand.note(`port ${ports.join(', ')} answers the next ${count} commands with ${outcomeName(code)}`);
  // What asks for patience is believed in the end; a few of these faults may meet one request.
  const isBelieved = row.retry === 'same-after-delay' && ports.length * count >= patience / 2;
  if (row.retry === 'no' || isBelieved)
    stand.excuse(row.blockStatus === blockStatus.ok ? blockStatus.ioError : row.blockStatus);
  for (const port of ports) stand.array.withFaults((faults) => faults.forceStatus(port, count, code));
  stand.burst();
};

/** A status that asks for patience, again and again, until it is believed. */
export const stubbornStatus: Fault = async (call) => {
  const { stand, random } = call;
  const choices = everyStatus.filter((code) => outcomeRow(code).retry === 'same-after-delay');
  const code = choices[random.below(choices.length)]!;
  stand.note(`every port answers ${outcomeName(code)} for a while`);
  stand.excuse(outcomeRow(code).blockStatus);
  for (const port of everyPort(stand)) stand.array.withFaults((faults) => faults.forceStatus(port, 60, code));
  stand.burst();
  await stand.clock.sleep(2000);
  for (const port of everyPort(stand)) stand.array.withFaults((faults) => faults.forceStatus(port, 0, code));
};

/** Single commands are neither executed nor answered. What is not aborted before is executed late, or becomes a ghost. */
export const hangCommands: Fault = async (call) => {
  const { stand, random, duration } = call;
  const port = anyPort(call);
  const count = 1 + random.below(random.below(3) === 0 ? 40 : 4);
  stand.note(`port ${port} lets the next ${count} commands hang, for ${duration.toFixed(0)} ms`);
  stand.array.withFaults((faults) => faults.hangCommands(port, count));
  stand.burst();
  await stand.clock.sleep(duration);
  stand.note(`port ${port} lets no command hang any more`);
  stand.array.withFaults((faults) => faults.hangCommands(port, 0));
};

export const badHeaderDigest: Fault = async (call) => {
  const port = anyPort(call);
  call.stand.note(`port ${port} sends a wrong header digest`);
  call.stand.array.withFaults((faults) => faults.corruptDigests(port, 'header', 1));
  call.stand.burst();
};

export const badDataDigest: Fault = async (call) => {
  const port = anyPort(call);
  const count = 1 + call.random.below(3);
  call.stand.note(`port ${port} sends ${count} wrong data digests`);
  call.stand.array.withFaults((faults) => faults.corruptDigests(port, 'data', count));
  call.stand.burst();
};

export const termination: Fault = async (call) => {
  const port = anyPort(call);
  call.stand.burst();
  await call.stand.clock.sleep(1 + call.random.float());
  const count = call.stand.array.terminate(port);
  call.stand.note(`port ${port} ends ${count} I/O connections with a termination request`);
};

export const nonsense: Fault = async (call) => {
  const port = anyPort(call);
  call.stand.burst();
  await call.stand.clock.sleep(1 + call.random.float());
  const count = call.stand.array.talkNonsense(port);
  call.stand.note(`port ${port} asks on ${count} I/O connections for data of a command that nobody sent`);
};

/** What happens to the host itself: its reactors stand still, its administrator gives orders. */
import { status } from '../../src/block/status.ts';
import { selectorNames } from '../../src/multipath/selector.ts';
import { drawPolicy } from '../scenario.ts';
import { anyPort, everyPort, type Fault, type Stand } from './stand.ts';

/** Stalls are short, or longer than any time-out. Milliseconds. */
const stalls: readonly number[] = [50, 400, 2000, 9000];

export const stall: Fault = async ({ stand, random }) => {
  const reactor = stand.host.reactors[random.below(stand.host.reactors.length)]!;
  const milliseconds = stalls[random.below(stalls.length)]! * (0.5 + random.float());
  stand.burst();
  await stand.clock.sleep(random.float());
  stand.note(`reactor ${reactor.index} stands still for ${milliseconds.toFixed(0)} ms`);
  standStill(stand, milliseconds);
  reactor.io.stall(milliseconds);
};

/** The machine sleeps: its clocks stood still when it goes on, and nobody in it has noticed. */
export const sleep: Fault = async ({ stand, random }) => {
  const milliseconds = stalls[random.below(stalls.length)]! * (0.5 + random.float());
  stand.burst();
  await stand.clock.sleep(random.float());
  stand.note(`the machine of the host sleeps for ${milliseconds.toFixed(0)} ms`);
  standStill(stand, milliseconds);
  for (const { io } of stand.host.reactors) io.sleepDeeply(milliseconds);
};

/** The machine is paused: every clock has jumped when it goes on. */
export const suspend: Fault = async ({ stand, random }) => {
  const milliseconds = stalls[random.below(stalls.length)]! * (0.5 + random.float());
  stand.burst();
  await stand.clock.sleep(random.float());
  stand.note(`the whole host stands still for ${milliseconds.toFixed(0)} ms`);
  standStill(stand, milliseconds);
  for (const { io } of stand.host.reactors) io.stall(milliseconds);
};

/**
 * Who stands still for longer than the keep-alive time-out loses every controller by that. Whoever was told to wait for a
 * path only so long may then give up.
 */
function standStill(stand: Stand, milliseconds: number): void {
  stand.allow(milliseconds);
  if (stand.scenario.host.policy.noPathRetry >= 0) stand.excuse(status.transport);
}

export const disablePath: Fault = async (call) => {
  const { stand, duration } = call;
  const port = anyPort(call);
  stand.note(`the administrator takes the path over port ${port} out, for ${duration.toFixed(0)} ms`);
  await stand.host.setDisabled(port, true);
  await stand.clock.sleep(duration);
  stand.note(`the administrator restores the path over port ${port}`);
  await stand.host.setDisabled(port, false);
};

/**
 * The administrator takes a path away. Mostly it comes back some time later, perhaps under another index; else when it is
 * added for its own sake, or when all is calm. Where a port is spared its path stays.
 */
export const removePath: Fault = async (call) => {
  const { stand, random, duration } = call;
  const port = anyPort(call);
  const path = stand.host.pathOver(port);
  if (path === undefined) return;
  const force = random.below(4) === 0;
  stand.note(`the administrator removes the path over port ${port}${force ? ', by force' : ''}`);
  stand.burst();
  const said = await stand.host.removePath(path, force);
  stand.note(`the path over port ${port} is removed: ${said ?? 'nobody lived to say so'}`);
  await stand.clock.sleep(duration);
  if (random.below(3) > 0) await addMissing(stand, [port]);
};

export const addPath: Fault = async ({ stand, random }) => {
  stand.burst();
  const ports = everyPort(stand);
  await addMissing(stand, ports.slice(random.below(ports.length)));
};

/** Adds the paths over these ports that are not there; an array that is not reached just now is no finding. */
export async function addMissing(stand: Stand, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (stand.host.pathOver(port) !== undefined) continue;
    stand.note(`the administrator adds a path over port ${port}`);
    const said = await stand.host.addPath(port);
    stand.note(`the path over port ${port} is added: ${said ?? 'nobody lived to say so'}`);
  }
}

export const changeSelector: Fault = async ({ stand, random }) => {
  const name = selectorNames[random.below(selectorNames.length)]!;
  stand.note(`the selector becomes ${name}`);
  for (const device of stand.host.devices) device.paths.selector = name;
};

/** Any other policy. How long requests wait for a path, or for one path, changes only where they may fail anyway. */
export const changePolicy: Fault = async ({ stand, random }) => {
  const { spared, host } = stand.scenario;
  const { noPathRetry, ghostWrites, fastIoFail } = host.policy;
  const drawn = drawPolicy(random, random);
  const policy = {
    ...drawn,
    noPathRetry: !spared && noPathRetry >= 0 ? drawn.noPathRetry : noPathRetry,
    fastIoFail: fastIoFail < 0 ? fastIoFail : [-1, 0, 500][random.below(3)]!,
    // Only a mutation has it, and wants to keep it.
    ghostWrites: ghostWrites === 'none' ? ghostWrites : drawn.ghostWrites,
  };
  stand.note(`another policy: ${JSON.stringify(policy)}`);
  await stand.host.setPolicy(policy);
};

export const failQueued: Fault = async ({ stand }) => {
  stand.note('the administrator ends all that waits');
  stand.excuse(status.timedOut);
  stand.excuse(status.transport);
  stand.excuse(status.busy);
  for (const device of stand.host.devices) device.failQueued();
};

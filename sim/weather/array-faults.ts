/** What happens to the array as a whole and to its volumes. */
import { status } from '../../src/block/status.ts';
import { mostGrowth } from '../scenario.ts';
import { type Fault, type FaultCall } from './stand.ts';

/** Between two looks whether the host has noticed, and how long it may take. Milliseconds. */
const lookMs = 20;
const longestMs = 30_000;
/** A path that was being connected may have read the old list just before: its own event comes within this time. */
const settleMs = 1500;

export const restartArray: Fault = async ({ stand, duration }) => {
  stand.note('the array is restarted');
  await stand.array.restart(duration);
  stand.note('the array is back');
};

export const crashArray: Fault = async ({ stand, duration }) => {
  stand.note('the array crashes');
  await stand.array.crash(duration, stand.clock);
  stand.note('the array is back');
};

/** The volume is taken away and shown again with all it held. */
export const removeVolume: Fault = async (call) => {
  const { stand, duration } = call;
  await stand.array.exclusively(async (array) => {
    excuseGone(call);
    stand.note(`the array takes the volume away, for ${duration.toFixed(0)} ms`);
    await array.faults.removeVolume(1);
    await stand.clock.sleep(duration);
    stand.note('the array shows the volume again');
    await array.faults.addVolume(stand.array.volume);
  });
};

/** Another volume stands under the address for a while. Nothing of ours may ever reach it, nor anything of it us. */
export const replaceVolume: Fault = async (call) => {
  const { stand, duration } = call;
  await stand.array.exclusively(async (array) => {
    excuseGone(call);
    stand.note('the array takes the volume away');
    await array.faults.removeVolume(1);
    if (await isNoticed(call)) {
      await stand.clock.sleep(settleMs);
      stand.note(`the array shows another volume in its place, for ${duration.toFixed(0)} ms`);
      const other = `other${array.stats.controllersMade}-${stand.clock.clock.now().toFixed(0)}`;
      await array.faults.addVolume({ ...stand.array.volume, name: other });
      stand.burst();
      await stand.clock.sleep(duration);
      await array.faults.removeVolume(1);
      await stand.clock.sleep(duration);
    }
    stand.note('the array shows the volume again');
    await array.faults.addVolume(stand.array.volume);
  });
};

/** No path of the host leads to the volume any more, as far as the host knows. */
async function isNoticed({ stand }: FaultCall): Promise<boolean> {
  for (let waited = 0; waited < longestMs; waited += lookMs) {
    await stand.clock.sleep(lookMs);
    const leads = stand.host.devices.some((device) =>
      device.paths.members.some((member) => member !== undefined && !member.removed && member.path.open),
    );
    if (!leads) return true;
  }
  return false;
}

function excuseGone({ stand }: FaultCall): void {
  stand.excuse(status.gone);
  stand.excuse(status.transport);
}

export const readOnly: Fault = async ({ stand, duration }) => {
  await stand.array.exclusively(async (array) => {
    stand.note(`the volume is write-protected, for ${duration.toFixed(0)} ms`);
    stand.excuse(status.readOnly);
    array.faults.setReadOnly(1, true);
    await stand.clock.sleep(duration);
    stand.note('the volume is writable');
    array.faults.setReadOnly(1, false);
  });
};

/** The load uses what is new as soon as its own reactor's device has it. */
export const grow: Fault = async ({ stand, random }) => {
  await stand.array.exclusively(async (array) => {
    const { load } = stand.scenario;
    const left = load.blocks * mostGrowth - stand.array.blocks;
    stand.array.blocks += random.below(2) === 0 ? left : random.below(left + 1);
    stand.note(`the volume grows to ${stand.array.blocks} blocks`);
    array.faults.resizeVolume(1, stand.array.volume.sizeBytes);
  });
};

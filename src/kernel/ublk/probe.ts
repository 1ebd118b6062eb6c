/** Whether this host offers ublk devices. */
import { type KernelDeviceProbe, moduleState, notOffered } from '../host-facts.ts';

export function probeUblk(): KernelDeviceProbe {
  const state = moduleState('ublk_drv');
  const module = state === 'missing' ? 'this kernel has no module ublk_drv either' : `the module ublk_drv is ${state}`;
  const reason = `ublk is not built into Causeway yet; ${module}`;
  return notOffered('ublk', { reason, mend: null, loadable: null });
}

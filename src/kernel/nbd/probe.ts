/** Whether this host offers NBD devices. */
import { type KernelDeviceProbe, moduleState, notOffered } from '../host-facts.ts';

export function probeNbd(): KernelDeviceProbe {
  const state = moduleState('nbd');
  const module = state === 'missing' ? 'this kernel has no module nbd either' : `the module nbd is ${state}`;
  const reason = `nbd is not built into Causeway yet; ${module}`;
  return notOffered('nbd', { reason, mend: null, loadable: null });
}

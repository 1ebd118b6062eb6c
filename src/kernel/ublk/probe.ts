/** Whether this host offers ublk devices. */
import { probeUring } from '../../uring/probe.ts';
import { type KernelDeviceProbe, mayAdministrate, notOffered, offered, openProblem } from '../host-facts.ts';
import { feature } from './abi.ts';
import { probeFeatures } from './commands.ts';
import { controlPath } from './nodes.ts';

export function probeUblk(): KernelDeviceProbe {
  const { refusal } = probeUring();
  if (refusal !== null) return notOffered('ublk', { reason: refusal.message, mend: refusal.hint, loadable: null });
  const problem = openProblem(controlPath, 'ublk_drv');
  if (problem !== null) return notOffered('ublk', problem);
  if (!mayAdministrate()) {
    const reason = 'this process may not make ublk devices (no CAP_SYS_ADMIN)';
    return notOffered('ublk', { reason, mend: 'Run as root.', loadable: null });
  }
  const features = probeFeatures();
  if (features === null) return offered('ublk', 'the kernel does not tell what its driver can do');
  return offered('ublk', describe(features));
}

function describe(features: bigint): string {
  const has = (bit: bigint): boolean => (features & bit) !== 0n;
  const resize = has(feature.updateSize) ? 'can be resized in use' : 'cannot be resized in use (Linux 6.16 can)';
  return has(feature.userRecovery) ? `survives a crash, ${resize}` : resize;
}

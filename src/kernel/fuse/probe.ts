/** Whether this host offers FUSE + loop devices. */
import { probeUring } from '../../uring/probe.ts';
import { type KernelDeviceProbe, mayAdministrate, notOffered, offered, openProblem } from '../host-facts.ts';
import { switchUringOn } from './transport.ts';

export function probeFuse(): KernelDeviceProbe {
  const { refusal } = probeUring();
  if (refusal !== null) {
    return notOffered('fuse', { reason: refusal.message, mend: refusal.hint, loadable: null });
  }
  const problem = openProblem('/dev/fuse', 'fuse') ?? openProblem('/dev/loop-control', 'loop');
  if (problem !== null) return notOffered('fuse', problem);
  if (!mayAdministrate()) {
    const reason = 'this process may not mount (no CAP_SYS_ADMIN)';
    return notOffered('fuse', { reason, mend: 'Run as root.', loadable: null });
  }
  const uring = switchUringOn(false);
  return offered('fuse', uring.note === null ? 'over io_uring' : `the classic way: ${uring.note}`);
}

import { Fence } from '../../src/fabric/nvme-tcp/fence.ts';
import { replace } from '../replace.ts';

async function hasty(this: Fence): Promise<void> {
  this.settle('time');
}

/** Time counts as a fence at once, instead of after the keep-alive time-outs and the quiesce time. */
export function fenceTooEarly(): () => void {
  return replace(Fence.prototype, 'waitForTime', () => hasty);
}

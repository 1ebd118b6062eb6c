import { type Part, verdict } from '../../src/fabric/contract.ts';
import { outcome } from '../../src/fabric/nvme-tcp/status.ts';
import { MultipathDevice } from '../../src/multipath/device.ts';
import { replace } from '../replace.ts';

/** The row of a lost connection says that nothing of it can be executed any more. */
export function mistakeLostForOver(): () => void {
  return replace(
    MultipathDevice.prototype,
    'onPart',
    (onPart) =>
      function mistaken(this: MultipathDevice, part: Part) {
        if (part.outcome === outcome.connectionLost) part.verdict &= ~verdict.mayStillExecute;
        onPart.call(this, part);
      },
  );
}

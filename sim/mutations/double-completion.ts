import type { Part } from '../../src/fabric/contract.ts';
import { MultipathDevice } from '../../src/multipath/device.ts';
import { replace } from '../replace.ts';

/** One part in so many comes back twice. */
const odds = 97;

export function completeTwice(): () => void {
  let count = 0;
  return replace(
    MultipathDevice.prototype,
    'onPart',
    (onPart) =>
      function twice(this: MultipathDevice, part: Part) {
        onPart.call(this, part);
        count += 1;
        if (count % odds === 0) onPart.call(this, part);
      },
  );
}

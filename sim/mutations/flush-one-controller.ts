import { FlushLedger } from '../../src/multipath/flush-ledger.ts';
import { replace } from '../replace.ts';

/** A flush goes to the first controller that needs one, and to no other. */
export function flushOneController(): () => void {
  return replace(
    FlushLedger.prototype,
    'isDirty',
    (isDirty) =>
      function firstOnly(this: FlushLedger, path: number) {
        if (!isDirty.call(this, path)) return false;
        for (let before = 0; before < path; before += 1) if (isDirty.call(this, before)) return false;
        return true;
      },
  );
}

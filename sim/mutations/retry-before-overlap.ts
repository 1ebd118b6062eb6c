import { GhostGate, passage } from '../../src/multipath/ghost-gate.ts';
import { replace } from '../replace.ts';

/** A lost write is sent again at once, while writes that overlap it are still under way. */
export function retryAtOnce(): () => void {
  return replace(
    GhostGate.prototype,
    'pass',
    (pass) =>
      function hasty(this: GhostGate, slot, start, length, owner) {
        const answer = pass.call(this, slot, start, length, owner);
        return answer === passage.overlapped ? passage.free : answer;
      },
  );
}

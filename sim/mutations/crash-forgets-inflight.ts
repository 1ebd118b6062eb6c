import { GhostGate } from '../../src/multipath/ghost-gate.ts';
import { replace } from '../replace.ts';

function forgetful(this: GhostGate): { start: number; length: number }[] {
  return this.entries().map(({ start, length }) => ({ start, length }));
}

/** Who takes a volume over after a crash inherits what was in quarantine, but not the writes that were under way. */
export function forgetWritesUnderWay(): () => void {
  return replace(GhostGate.prototype, 'remains', () => forgetful);
}

import { type VolumePlan, VolumeReactor } from '../../src/host/volume-reactor.ts';
import { GhostGate } from '../../src/multipath/ghost-gate.ts';
import { replace } from '../replace.ts';

/** Every reactor keeps a quarantine of its own, and sees nothing of the others'. */
export function quarantineAlone(): () => void {
  return replace(
    VolumeReactor.prototype,
    'make',
    (make) =>
      function alone(this: VolumeReactor, plan: VolumePlan, shared) {
        return make.call(this, plan, { ...shared, gate: new GhostGate() });
      },
  );
}

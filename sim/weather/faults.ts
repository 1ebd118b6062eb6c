/** Each kind of fault by name. */
import * as array from './array-faults.ts';
import * as command from './command-faults.ts';
import * as controller from './controller-faults.ts';
import * as host from './host-faults.ts';
import * as life from './life-faults.ts';
import * as network from './network-faults.ts';
import type { FaultKind } from './plan.ts';
import * as port from './port-faults.ts';
import type { Fault } from './stand.ts';

export const faults: Readonly<Record<FaultKind, Fault>> = {
  drop: network.drop,
  'drop-one-reactor': network.dropOneReactor,
  blackhole: network.blackhole,
  'blackhole-one-reactor': network.blackholeOneReactor,
  'slow-network': network.slowNetwork,
  'refuse-connections': network.refuseConnections,
  'cut-port': port.cutPort,
  'close-port': port.closePort,
  'swallow-port': port.swallowPort,
  'refuse-port': port.refusePort,
  'flap-port': port.flapPort,
  'slow-answers': port.slowAnswers,
  'slow-execution': port.slowExecution,
  'lost-writes': command.lostWrites,
  'ghost-storm': command.ghostStorm,
  status: command.forceStatus,
  'stubborn-status': command.stubbornStatus,
  'hang-commands': command.hangCommands,
  'bad-header-digest': command.badHeaderDigest,
  'bad-data-digest': command.badDataDigest,
  termination: command.termination,
  nonsense: command.nonsense,
  'end-controller': controller.endController,
  'reset-by-administrator': controller.resetByAdministrator,
  'lose-cache': controller.loseCache,
  'power-failure': controller.powerFailure,
  ana: controller.ana,
  'ana-everywhere': controller.anaEverywhere,
  stall: host.stall,
  suspend: host.suspend,
  sleep: host.sleep,
  'crash-host': life.crashHost,
  'restart-host': life.restartHost,
  'disable-path': host.disablePath,
  'remove-path': host.removePath,
  'add-path': host.addPath,
  selector: host.changeSelector,
  policy: host.changePolicy,
  'fail-held': command.failHeld,
  'fail-queued': host.failQueued,
  'remove-volume': array.removeVolume,
  'replace-volume': array.replaceVolume,
  'read-only': array.readOnly,
  grow: array.grow,
  'restart-array': array.restartArray,
  'crash-array': array.crashArray,
};

/**
 * Lead and reactors of a volume that are all in one thread, as `PathPeers`: for the simulator, and for tests in a simulated
 * world. `pathPeers` of open-source.ts has them over message channels.
 */
import { defined } from '../base/assert.ts';
import type { Io } from '../io/contract.ts';
import type { PathPeers } from './path-changes.ts';
import type { AttachedVolume, VolumeLead } from './volume-lead.ts';
import type { VolumeReactor } from './volume-reactor.ts';

/** How long connecting one more path may take, milliseconds. */
const timeoutMs = 5000;

export interface LocalReactor {
  readonly io: Io;
  readonly volumes: VolumeReactor;
}

export interface LocalHost<Reactor extends LocalReactor> {
  readonly lead: VolumeLead;
  /** The lead's is the first. */
  readonly reactors: readonly Reactor[];
  /** Resolves when word from the main thread has reached that reactor: they hear of a change one after the other. */
  readonly turn: (reactor: Reactor) => Promise<unknown>;
}

/** @param device the volume's number on every reactor */
export function localPeers<Reactor extends LocalReactor>(
  { lead, reactors, turn }: LocalHost<Reactor>,
  device: number,
  { lease, info }: AttachedVolume,
): PathPeers {
  const { io, volumes: first } = defined(reactors[0], 'a reactor');
  const all = async <Result>(order: (volumes: VolumeReactor) => Result): Promise<Result[]> => {
    const results: Result[] = [];
    for (const reactor of reactors) {
      await turn(reactor);
      results.push(order(reactor.volumes));
    }
    return results;
  };
  return {
    lease: (target) => lead.leasePath({ lease, target, identity: info.identity.id, timeoutMs }),
    giveBack: (association) => lead.returnPath(lease, association),
    reset: async (association) => lead.reset([association]),
    add: (index, association) => all((volumes) => volumes.addPath({ device, index, association })),
    retire: (index) => all((volumes) => volumes.retirePath({ device, index })),
    load: async (index) =>
      (await all((volumes) => volumes.pathLoad({ device, index }))).reduce((sum, load) => sum + load, 0),
    settle: (index) => first.settlePath({ device, index }),
    drop: async (index) => (await all((volumes) => volumes.dropPath({ device, index }))).every(Boolean),
    forget: async (index) => first.forgetPath({ device, index }),
    sleep: (milliseconds) => io.sleep(milliseconds),
  };
}

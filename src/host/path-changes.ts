/**
 * Paths that come and go while their volume is served: which reactor does what, and when. The main thread runs it, the
 * simulator too.
 *
 * A path that goes:
 *
 * 1. Every reactor retires it: nothing more is sent over it.
 * 2. What is under way on it ends; after a bound its association is reset, which decides it as lost, with whatever ghosts
 *    that makes. Nobody else is hurt more by that than by any loss: other volumes have the association too at most.
 * 3. What was acknowledged over it and lies in a volatile cache behind it is flushed. No reactor writes over it any more, so
 *    after that nothing of it is uncovered.
 * 4. Every reactor drops it, as soon as nothing is under way on it there: by now that can only be a flush.
 * 5. The association goes, unless another volume has it.
 *
 * Only then its index may be given to another path. What outlives the path knows it by its association, which is never that
 * of another address: ranges in quarantine, held writes, fences. What knows it by its index has been dropped everywhere: commands under
 * way, counters, the flush ledger. Changes of one volume go one after the other.
 */
import { CausewayError } from '../base/errors.ts';
import type { AssociationOptions } from '../fabric/nvme-tcp/association.ts';
import type { PathInfo } from '../fabric/nvme-tcp/messages.ts';
import { pathRank } from '../multipath/state.ts';
import type { DeviceStatistics } from '../multipath/statistics.ts';
import type { PathTable, VolumePathEntry } from './path-table.ts';
import { mergedPathState } from './volume-counters.ts';
import type { LeasedPath } from './volume-lead.ts';

/** What is under way may take so long until it is decided as lost, and then so long until it has come back. Milliseconds. */
const drainBound = 10_000;
const resetBound = 10_000;
const step = 10;
/** How long the reactors may take until they know a path that was connected. */
const placingBound = 1000;

/** Lead and reactors, for one volume. Each resolves when all that it concerns have done it. */
export interface PathPeers {
  lease(target: AssociationOptions): Promise<LeasedPath>;
  giveBack(association: number): Promise<void>;
  reset(association: number): Promise<unknown>;
  add(index: number, association: number): Promise<unknown>;
  retire(index: number): Promise<unknown>;
  /** What is under way on it, of all reactors. */
  load(index: number): Promise<number>;
  settle(index: number): Promise<unknown>;
  /** True when no reactor has it any more. */
  drop(index: number): Promise<boolean>;
  forget(index: number): Promise<unknown>;
  sleep(milliseconds: number): Promise<unknown>;
}

export interface ChangingPaths {
  readonly name: string;
  readonly paths: PathTable;
  /** Of the reactors that serve the volume. */
  readonly statistics: readonly DeviceStatistics[];
  /** Nothing that was said of the path with this index is true any more. */
  readonly onDropped: (path: VolumePathEntry) => void;
}

export class PathChanges {
  readonly #volume: ChangingPaths;
  readonly #peers: PathPeers;
  #last: Promise<unknown> = Promise.resolve();
  #hasEnded = false;

  constructor(volume: ChangingPaths, peers: PathPeers) {
    this.#volume = volume;
    this.#peers = peers;
  }

  /**
   * Resolves when the path is known to every reactor. It carries I/O as soon as they can use it.
   * @param unfit why a path that shows this can not be one of the volume's; empty if it can
   * @throws CausewayError `path-exists`, `too-many-paths`, `path-unfit`, `volume-disagrees`, and those of connecting
   */
  add(target: AssociationOptions, unfit: (info: PathInfo) => string): Promise<VolumePathEntry> {
    return this.#inTurn(() => this.#add(target, unfit));
  }

  /**
   * Resolves when nobody knows the path any more.
   * @throws CausewayError `last-path` unless `force`, `no-such-path`
   */
  remove(path: VolumePathEntry, force: boolean): Promise<void> {
    return this.#inTurn(() => this.#remove(path, force));
  }

  /** The volume is being detached: resolves when no change goes on any more, which is soon. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.#last;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const work = this.#last.then(() => {
      this.#check();
      return change();
    });
    this.#last = work.catch(() => {});
    return work;
  }

  #check(): void {
    if (this.#hasEnded) throw new CausewayError('volume-gone', `${this.#volume.name} is being detached`);
  }

  async #add(target: AssociationOptions, unfit: (info: PathInfo) => string): Promise<VolumePathEntry> {
    const { name, paths, statistics } = this.#volume;
    const id = `${target.address.host}:${target.address.port}`;
    if (paths.list.some((path) => path.id === id)) {
      throw new CausewayError('path-exists', `${name} has a path ${id} already`);
    }
    const index = paths.freeIndex;
    if (index === -1) {
      throw new CausewayError('too-many-paths', `${name} has ${paths.list.length} paths, which is all there can be`);
    }
    const { info, view } = await this.#peers.lease(target);
    const { association } = view;
    const reason =
      view.queues < statistics.length
        ? `it grants ${view.queues} I/O queues, the device needs ${statistics.length}`
        : unfit(info);
    if (reason !== '' || this.#hasEnded) {
      await this.#peers.giveBack(association);
      this.#check();
      throw new CausewayError('path-unfit', `${id} can not be a path of ${name}: ${reason}`);
    }
    const path = { index, association, id };
    paths.add(path);
    await this.#peers.add(index, association);
    // Word of the path may be on its way to the reactors.
    await this.#until(placingBound, () => Promise.resolve(mergedPathState(statistics, index) !== 'connecting'));
    return path;
  }

  async #remove(path: VolumePathEntry, force: boolean): Promise<void> {
    const { name, paths, statistics, onDropped } = this.#volume;
    const { index, association, id } = path;
    if (!paths.list.includes(path)) throw new CausewayError('no-such-path', `${name} has no path ${id} any more`);
    const carries = (one: VolumePathEntry): boolean => pathRank(mergedPathState(statistics, one.index)) > 0;
    const hasOther = paths.list.some((one) => one !== path && carries(one));
    if (!force && !hasOther && (carries(path) || paths.list.length === 1)) {
      throw new CausewayError('last-path', `${id} is the last path of ${name} that carries I/O`);
    }
    await this.#peers.retire(index);
    const isDrained = async (): Promise<boolean> => (await this.#peers.load(index)) === 0;
    if (!(await this.#until(drainBound, isDrained))) {
      await this.#peers.reset(association);
      if (!(await this.#until(resetBound, isDrained))) throw this.#stuck(path);
    }
    await this.#peers.settle(index);
    if (!(await this.#until(drainBound, () => this.#peers.drop(index)))) throw this.#stuck(path);
    paths.drop(path);
    onDropped(path);
    await this.#peers.giveBack(association);
    await this.#peers.forget(index);
  }

  #stuck({ id }: VolumePathEntry): CausewayError {
    return new CausewayError('io-timed-out', `what is under way over ${id} does not come back`, {
      hint: 'It gets no new I/O; try again when its requests have timed out.',
    });
  }

  /** True as soon as it is so; false if it is not within the bound. @throws CausewayError `volume-gone` */
  async #until(bound: number, isSo: () => Promise<boolean>): Promise<boolean> {
    for (let waited = 0; ; waited += step) {
      if (await isSo()) return true;
      if (waited >= bound) return false;
      await this.#peers.sleep(step);
      this.#check();
    }
  }
}

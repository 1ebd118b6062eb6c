/**
 * The volumes of one reactor: keeps the native paths that the fabric brings and gives them to the multipath devices they
 * belong to. Which volume a path belongs to is decided by its identity alone; a path object has one for all its life.
 * Volumes share controllers, so of what is heard of one, each volume gets what concerns it.
 */
import { assert } from '../base/assert.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Geometry, Identity } from '../block/device.ts';
import type { Access as AnaAccess, FenceKind, PathInfo } from '../fabric/nvme-tcp/messages.ts';
import type { NativePath } from '../fabric/contract.ts';
import type { NvmePath } from '../fabric/nvme-tcp/nvme-path.ts';
import type { PathListener } from '../fabric/nvme-tcp/reactor-side.ts';
import type { Io } from '../io/contract.ts';
import { MultipathDevice } from '../multipath/device.ts';
import type { PolicyOrder } from './live-policy.ts';
import type { PathState } from '../multipath/state.ts';
import { ActivePath } from '../multipath/selectors/active-path.ts';
import { DeviceStatistics } from '../multipath/statistics.ts';
import type { SharedParts } from './ghost-record.ts';
import type { PassthroughTarget } from './passthrough.ts';
import { ReactorVolume } from './reactor-volume.ts';
import type { Shape } from './volume-shape.ts';

/** What every reactor needs to make its device of a volume. Plain data. */
export interface VolumePlan {
  readonly device: number;
  readonly identity: Identity;
  /** The namespace that it was under when it was attached. */
  readonly nsid: number;
  readonly geometry: Geometry;
  /** Read-only by the user's word, whatever the array says; and whether the array protects it, as of now. */
  readonly readOnly: boolean;
  readonly isProtected: boolean;
  /** Associations that may lead to it; the place in this list is the path's index on every reactor. */
  readonly associations: readonly number[];
  /** Indexes of the paths that showed the volume to be like this. */
  readonly witnesses: readonly number[];
  /** As it is at the beginning. */
  readonly policy: PolicyOrder;
  readonly sharedCache: boolean;
  /** The file with the ghost gate and the flush ledger of all reactors; how many they are, and which is this one. */
  readonly gate: string;
  readonly reactors: number;
  readonly reactor: number;
  /** Shared by all reactors: the one path of `failover-only`. */
  readonly activePath: SharedArrayBuffer;
  /** This reactor's own. */
  readonly statistics: SharedArrayBuffer;
}

/** What a reactor tells of its paths. */
export type VolumeEvent =
  /** A path is not used though it is there, and why. */
  | {
      readonly kind: 'path-refused';
      readonly device: number;
      readonly index: number;
      readonly id: string;
      readonly code: ErrorCode;
      readonly reason: string;
    }
  /** It is not refused any more, or gone. */
  | { readonly kind: 'path-not-refused'; readonly device: number; readonly index: number }
  /** The device is like this now on this reactor, or there is something to say of it. */
  | {
      readonly kind: 'volume-shape';
      readonly device: number;
      readonly shape: Shape;
      /** By the array or by the user. */
      readonly readOnly: boolean;
      readonly note: string;
    }
  | { readonly kind: 'path-state'; readonly device: number; readonly index: number; readonly state: PathState }
  /** Nothing is kept back for that life of a controller any more, and the other reactors do not know it yet. */
  | { readonly kind: 'released'; readonly device: number; readonly controller: number; readonly epoch: number }
  | { readonly kind: 'fenced'; readonly association: number; readonly epoch: number; readonly how: FenceKind };

/** One path of a device. */
export interface PathOrder {
  readonly device: number;
  readonly index: number;
}

export interface AddPathOrder extends PathOrder {
  readonly association: number;
}

export type VolumePath = NativePath & Pick<NvmePath, 'instance' | 'fenceMs' | 'suspect' | 'nsid' | 'passthrough'>;

/** A native path and what was said of it last. */
export interface KnownPath {
  readonly path: VolumePath;
  info: PathInfo;
  access: AnaAccess;
}

export class VolumeReactor implements PathListener {
  readonly #io: Io;
  readonly #tell: (event: VolumeEvent) => void;
  readonly #isFenced: (controller: number, epoch: number) => boolean;
  readonly #paths = new Map<VolumePath, KnownPath>();
  readonly #volumes = new Map<number, ReactorVolume>();
  readonly #byIdentity = new Map<string, ReactorVolume>();
  readonly #byNsid = new Map<number, Set<ReactorVolume>>();

  /** @param isFenced as FabricReactor.isFenced */
  constructor(io: Io, tell: (event: VolumeEvent) => void, isFenced: (controller: number, epoch: number) => boolean) {
    this.#io = io;
    this.#tell = tell;
    this.#isFenced = isFenced;
  }

  // --- From the fabric --------------------------------------------------------------------------------------------

  onPath(path: VolumePath, info: PathInfo, access: AnaAccess): void {
    let known = this.#paths.get(path);
    if (known === undefined) {
      known = { path, info, access };
      this.#paths.set(path, known);
    }
    known.info = info;
    known.access = access;
    // What the array shows and no volume uses is kept, for volumes to come, and costs nothing.
    for (const volume of this.#concerned(info)) volume.onPath(known);
  }

  onPathLost(path: VolumePath): void {
    const known = this.#paths.get(path);
    if (known !== undefined) for (const volume of this.#concerned(known.info)) volume.onPathLost(path);
  }

  onPathGone(path: VolumePath): void {
    const known = this.#paths.get(path);
    this.#paths.delete(path);
    if (known !== undefined) for (const volume of this.#concerned(known.info)) volume.onPathGone(path);
  }

  onFenced(controller: number, epoch: number, how: FenceKind): void {
    for (const device of this.#volumes.keys()) this.fenced(device, controller, epoch);
    this.#tell({ kind: 'fenced', association: controller, epoch, how });
  }

  // --- From the host ----------------------------------------------------------------------------------------------

  /** @param shared what all reactors of the volume share, as seen by this one */
  make(plan: VolumePlan, shared: SharedParts): MultipathDevice {
    assert(!this.#volumes.has(plan.device), 'a device number is used twice');
    assert(!this.#byIdentity.has(plan.identity.id), 'two devices stand for one volume');
    const device = new MultipathDevice(this.#io, {
      geometry: plan.geometry,
      identity: plan.identity,
      ...plan.policy.policy,
      weights: plan.policy.weights,
      sharedCache: plan.sharedCache,
      ledger: shared.ledger,
      gate: shared.gate,
      activePath: new ActivePath(plan.activePath, plan.reactors, plan.reactor),
      statistics: new DeviceStatistics(plan.statistics),
      isFenced: this.#isFenced,
      onOpened: ({ path }) => {
        const known = this.#known(path);
        if (known !== null) shared.lives.began(path.controller, path.epoch, known.instance, known.fenceMs);
      },
      onPathState: ({ path, index, state }) => {
        this.#tell({ kind: 'path-state', device: plan.device, index, state });
        // Where a controller that is given up takes unflushed writes with it, it has until its keep-alive fails.
        const mayLose = plan.geometry.volatileCache && !plan.sharedCache;
        if (state === 'suspect' && !mayLose) this.#known(path)?.suspect();
      },
    });
    const volume = new ReactorVolume(plan, device, shared, this.#tell);
    this.#volumes.set(plan.device, volume);
    this.#byIdentity.set(plan.identity.id, volume);
    const alike = this.#byNsid.get(plan.nsid) ?? new Set();
    this.#byNsid.set(plan.nsid, alike.add(volume));
    volume.begin(this.#paths.values());
    return device;
  }

  #known(path: NativePath): VolumePath | null {
    for (const known of this.#paths.keys()) if (known === path) return known;
    return null;
  }

  /** Other rules for the use of its paths, from now on. */
  setPolicy(device: number, { policy, weights }: PolicyOrder): void {
    const volume = this.#volume(device);
    const { device: multipath } = volume;
    volume.ghostWrites = policy.ghostWrites;
    for (const [index, weight] of weights.entries()) multipath.paths.setWeight(index, weight);
    multipath.setPolicy(policy);
  }

  /** The device was closed. Its paths live on as long as their controllers and whoever else wants them. */
  drop(device: number): void {
    const volume = this.#volumes.get(device);
    if (volume === undefined) return;
    this.#volumes.delete(device);
    this.#byIdentity.delete(volume.plan.identity.id);
    this.#byNsid.get(volume.plan.nsid)?.delete(volume);
    volume.leaveControllers();
  }

  /** Takes a path out of use, whether it is there yet or not, or into use again. */
  disable(device: number, index: number, disabled: boolean): void {
    const volume = this.#volume(device);
    if (disabled) volume.disabled.add(index);
    else volume.disabled.delete(index);
    if (volume.device.paths.members[index] !== undefined) {
      volume.device.setDisabled(index, disabled);
      return;
    }
    volume.tellState(index, disabled ? 'disabled' : 'connecting');
  }

  // Paths that come and go while the device is there: reactor-volume.ts. The main thread gives an index to a new path only
  // when every reactor has dropped the one that had it, so a reactor that learns later never mixes up two paths. A device
  // that was closed meanwhile has none.

  addPath({ device, index, association }: AddPathOrder): void {
    this.#volumes.get(device)?.addPath(index, association, this.#paths.values());
  }

  retirePath({ device, index }: PathOrder): void {
    this.#volumes.get(device)?.retirePath(index);
  }

  async settlePath({ device, index }: PathOrder): Promise<void> {
    await this.#volumes.get(device)?.settlePath(this.#io, index);
  }

  /** False as long as something is under way on it. */
  dropPath({ device, index }: PathOrder): boolean {
    return this.#volumes.get(device)?.dropPath(index) ?? true;
  }

  /** Every reactor has dropped it: its index may be used again. */
  forgetPath({ device, index }: PathOrder): void {
    this.#volumes.get(device)?.shared.ledger.forget(index);
  }

  /** What the path still carries, with what must go over it. */
  pathLoad({ device, index }: PathOrder): number {
    return this.#volumes.get(device)?.device.load(index) ?? 0;
  }

  /** Nothing of that life of the controller can be executed any more, as far as this volume is concerned. */
  fenced(device: number, controller: number, epoch: number): void {
    const volume = this.#volume(device);
    volume.shared.lives.ended(controller, epoch);
    volume.device.fenced(controller, epoch);
  }

  /** Associations on which parts of this device are under way. */
  holding(device: number): number[] {
    const members = this.#volume(device).device.paths.members;
    return members.flatMap((member) =>
      member !== undefined && member.path.inFlight > 0 ? [member.path.controller] : [],
    );
  }

  /** Another reactor's device of this volume has become like this: there, a path changed that had been otherwise. */
  told(device: number, shape: Shape): void {
    // It may have been closed here meanwhile.
    this.#volumes.get(device)?.told(shape);
  }

  /** Tells again what the device is and which paths are refused, for who did not listen yet. */
  tellAll(device: number): void {
    this.#volume(device).tellAll();
  }

  /** What commands of others need to know of a volume (passthrough.ts). */
  passthroughTarget(device: number): PassthroughTarget {
    const volume = this.#volume(device);
    const { device: multipath, shared, plan } = volume;
    return {
      nsid: plan.nsid,
      device: multipath,
      gate: shared.gate,
      paths: () => volume.usablePaths(),
      isFenced: this.#isFenced,
      countsWrites: () => volume.ghostWrites !== 'none',
      release: (controller, epoch) => {
        this.fenced(device, controller, epoch);
        this.#tell({ kind: 'released', device, controller, epoch });
      },
    };
  }

  volume(device: number): MultipathDevice {
    return this.#volume(device).device;
  }

  #volume(device: number): ReactorVolume {
    const volume = this.#volumes.get(device);
    assert(volume !== undefined, 'no device of this number');
    return volume;
  }

  /** Whose namespace it is, and those whose place it takes or shares. */
  #concerned({ identity, nsid }: PathInfo): Set<ReactorVolume> {
    const concerned = new Set(this.#byNsid.get(nsid));
    const owner = this.#byIdentity.get(identity.id);
    return owner === undefined ? concerned : concerned.add(owner);
  }
}

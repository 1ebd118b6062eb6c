/**
 * The volumes of one reactor: keeps the native paths that the fabric brings and gives them to the multipath devices they
 * belong to. Which volume a path belongs to is decided by its identity alone; a path object has one for all its life.
 * Volumes share controllers, so of what is heard of one, each volume gets what concerns it.
 */
import { assert } from '../base/assert.ts';
import type { Geometry, Identity } from '../block/device.ts';
import { access as ana, type Access as AnaAccess, type FenceKind, type PathInfo } from '../fabric/nvme-tcp/messages.ts';
import type { NvmePath } from '../fabric/nvme-tcp/nvme-path.ts';
import type { PathListener } from '../fabric/nvme-tcp/reactor-side.ts';
import type { Io } from '../io/contract.ts';
import { MultipathDevice } from '../multipath/device.ts';
import type { PolicyOrder } from './live-policy.ts';
import { type Access, pathStateNames } from '../multipath/state.ts';
import { ActivePath } from '../multipath/selectors/active-path.ts';
import { DeviceStatistics, pathCounter } from '../multipath/statistics.ts';

import type { SharedParts } from './ghost-record.ts';

/** What every reactor needs to make its device of a volume. Plain data. */
export interface VolumePlan {
  readonly device: number;
  readonly identity: Identity;
  /** The namespace that it was under when it was attached. */
  readonly nsid: number;
  readonly geometry: Geometry;
  /** Associations that may lead to it; the place in this list is the path's index on every reactor. */
  readonly associations: readonly number[];
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
  | {
      readonly kind: 'path-refused';
      readonly device: number;
      readonly association: number;
      readonly id: string;
      readonly reason: string;
    }
  | { readonly kind: 'path-state'; readonly device: number; readonly index: number; readonly state: string }
  | { readonly kind: 'fenced'; readonly association: number; readonly epoch: number; readonly how: FenceKind };

interface KnownPath {
  readonly path: NvmePath;
  info: PathInfo;
  access: AnaAccess;
}

interface Volume {
  readonly plan: VolumePlan;
  readonly device: MultipathDevice;
  readonly shared: SharedParts;
  /** Indexes of paths that the administrator took out; a path may come (back) after that. */
  readonly disabled: Set<number>;
}

const accessNames: Readonly<Record<AnaAccess, Access>> = {
  [ana.optimized]: 'optimized',
  [ana.nonOptimized]: 'non-optimized',
  [ana.inaccessible]: 'inaccessible',
  [ana.persistentLoss]: 'lost',
  [ana.change]: 'transitioning',
};

/** The geometry that follows from what the array says of a namespace. */
export function geometryOf(info: PathInfo, maxTransfer: number, readOnly: boolean): Geometry {
  return {
    sizeBytes: info.sizeBytes,
    blockBytes: info.blockBytes,
    physicalBlockBytes: info.physicalBlockBytes,
    maxTransferBytes: maxTransfer,
    readOnly: readOnly || info.readOnly,
    volatileCache: info.volatileCache,
    canDiscard: info.limits.canDiscard,
    canWriteZeroes: info.limits.canWriteZeroes,
  };
}

/** Why a path can not be one of a volume with this geometry; empty if it can. */
export function mismatch(geometry: Geometry, info: PathInfo): string {
  if (info.blockBytes !== geometry.blockBytes) {
    return `its block size is ${info.blockBytes}, the device's ${geometry.blockBytes}`;
  }
  if (info.sizeBytes < geometry.sizeBytes) {
    return `its size is ${info.sizeBytes} bytes, the device's ${geometry.sizeBytes}`;
  }
  if (info.readOnly && !geometry.readOnly) return 'it is read-only, the device is not';
  if (info.volatileCache && !geometry.volatileCache) return 'it has a volatile cache, the device was attached without';
  if (!info.limits.canWriteZeroes && geometry.canWriteZeroes) return 'it can not write zeroes, the other paths can';
  if (!info.limits.canDiscard && geometry.canDiscard) return 'it can not discard, the other paths can';
  return '';
}

export class VolumeReactor implements PathListener {
  readonly #io: Io;
  readonly #tell: (event: VolumeEvent) => void;
  readonly #isFenced: (controller: number, epoch: number) => boolean;
  readonly #paths = new Map<NvmePath, KnownPath>();
  readonly #volumes = new Map<number, Volume>();
  readonly #byIdentity = new Map<string, Volume>();

  /** @param isFenced as FabricReactor.isFenced */
  constructor(io: Io, tell: (event: VolumeEvent) => void, isFenced: (controller: number, epoch: number) => boolean) {
    this.#io = io;
    this.#tell = tell;
    this.#isFenced = isFenced;
  }

  // --- From the fabric --------------------------------------------------------------------------------------------

  onPath(path: NvmePath, info: PathInfo, access: AnaAccess): void {
    let known = this.#paths.get(path);
    if (known === undefined) {
      known = { path, info, access };
      this.#paths.set(path, known);
    }
    known.info = info;
    known.access = access;
    const volume = this.#byIdentity.get(info.identity.id);
    // What the array shows and no volume uses is kept, for volumes to come, and costs nothing.
    if (volume !== undefined) this.#place(volume, known);
  }

  onPathLost(path: NvmePath): void {
    const volume = this.#volumeOf(path);
    if (volume !== undefined) volume.device.pathChanged(this.#indexIn(volume.plan, path));
  }

  onPathGone(path: NvmePath): void {
    const volume = this.#volumeOf(path);
    this.#paths.delete(path);
    if (volume !== undefined) volume.device.setRemoved(this.#indexIn(volume.plan, path));
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
        for (const known of this.#paths.keys()) {
          if (known === path) shared.lives.began(path.controller, path.epoch, known.instance);
        }
      },
      onPathState: (member) =>
        this.#tell({ kind: 'path-state', device: plan.device, index: member.index, state: member.state }),
    });
    const volume = { plan, device, shared, disabled: new Set<number>() };
    this.#volumes.set(plan.device, volume);
    this.#byIdentity.set(plan.identity.id, volume);
    for (const known of this.#paths.values())
      if (known.info.identity.id === plan.identity.id) this.#place(volume, known);
    return device;
  }

  /** Other rules for the use of its paths, from now on. */
  setPolicy(device: number, { policy, weights }: PolicyOrder): void {
    const { device: multipath } = this.#volume(device);
    for (const [index, weight] of weights.entries()) multipath.paths.setWeight(index, weight);
    multipath.setPolicy(policy);
  }

  /** The device was closed. Its paths live on as long as their controllers and whoever else wants them. */
  drop(device: number): void {
    const volume = this.#volumes.get(device);
    if (volume === undefined) return;
    this.#volumes.delete(device);
    this.#byIdentity.delete(volume.plan.identity.id);
    this.#leaveControllers(volume);
  }

  /**
   * Nothing of the volume is under way: controllers that live hold nothing of it. Others go on using them, so whoever
   * finds its file and has controllers reset that may hold something must not find these.
   */
  #leaveControllers({ device, shared }: Volume): void {
    const doubted = new Set(shared.gate.entries().map(({ controller, epoch }) => `${controller}/${epoch}`));
    for (const member of device.paths.members) {
      if (member === undefined || !member.path.open) continue;
      const { controller, epoch } = member.path;
      if (!doubted.has(`${controller}/${epoch}`)) shared.lives.ended(controller, epoch);
    }
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
    const state = disabled ? 'disabled' : 'connecting';
    volume.device.statistics.set(DeviceStatistics.pathBase(index) + pathCounter.state, pathStateNames.indexOf(state));
    this.#tell({ kind: 'path-state', device, index, state });
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

  volume(device: number): MultipathDevice {
    return this.#volume(device).device;
  }

  #volume(device: number): Volume {
    const volume = this.#volumes.get(device);
    assert(volume !== undefined, 'no device of this number');
    return volume;
  }

  /** The volume that has this path among its own. */
  #volumeOf(path: NvmePath): Volume | undefined {
    const known = this.#paths.get(path);
    const volume = known === undefined ? undefined : this.#byIdentity.get(known.info.identity.id);
    if (volume === undefined) return undefined;
    const index = this.#indexIn(volume.plan, path);
    return index !== -1 && volume.device.paths.members[index]?.path === path ? volume : undefined;
  }

  #indexIn(plan: VolumePlan, path: NvmePath): number {
    return plan.associations.indexOf(path.controller);
  }

  /** Gives the path, which leads to its volume, to the device, or brings what is known of it up to date. */
  #place(volume: Volume, known: KnownPath): void {
    const { plan, device } = volume;
    const index = this.#indexIn(plan, known.path);
    // Over another association than the volume was given: somebody else's way.
    if (index === -1) return;
    const member = device.paths.members[index];
    const reason = mismatch(device.geometry, known.info);
    if (reason !== '') {
      if (member?.path === known.path) device.setRemoved(index);
      this.#tell({
        kind: 'path-refused',
        device: plan.device,
        association: known.path.controller,
        id: known.path.id,
        reason,
      });
      return;
    }
    const access = accessNames[known.access];
    if (member === undefined) {
      device.addPath(index, known.path, access, volume.disabled.has(index));
      return;
    }
    if (member.path === known.path) member.removed = false;
    else device.replacePath(index, known.path);
    device.setAccess(index, access);
  }
}

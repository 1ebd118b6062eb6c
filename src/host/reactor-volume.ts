/**
 * One volume on one reactor: which native paths its multipath device is given, which are refused and why, and what the
 * device makes of changes that its paths show (volume-shape.ts).
 *
 * Each reactor decides for itself, from what it knows of its own paths, so that none ever sends to a path what that path
 * does not have. All hear the same of a path, so they come to the same end; one that did not witness a change is told of
 * it by those that did.
 */
import { assert } from '../base/assert.ts';
import type { ErrorCode } from '../base/errors.ts';
import { op, Request } from '../block/request.ts';
import { status } from '../block/status.ts';
import { access as ana, type Access as AnaAccess, type PathInfo } from '../fabric/nvme-tcp/messages.ts';
import type { Io } from '../io/contract.ts';
import type { MultipathDevice } from '../multipath/device.ts';
import type { Member } from '../multipath/member.ts';
import type { GhostWrites } from '../multipath/options.ts';
import { type Access, type PathState, pathStateNames } from '../multipath/state.ts';
import { DeviceStatistics, pathCounter } from '../multipath/statistics.ts';
import type { SharedParts } from './ghost-record.ts';
import type { KnownPath, VolumeEvent, VolumePath, VolumePlan } from './volume-reactor.ts';
import { isSameShape, mismatch, nextShape, obstacle, reshaped, type Shape, shapeNote } from './volume-shape.ts';

/** A path that is there but not used. */
interface Refusal {
  readonly path: VolumePath;
  readonly code: ErrorCode;
  readonly reason: string;
}

const accessNames: Readonly<Record<AnaAccess, Access>> = {
  [ana.optimized]: 'optimized',
  [ana.nonOptimized]: 'non-optimized',
  [ana.inaccessible]: 'inaccessible',
  [ana.persistentLoss]: 'lost',
  [ana.change]: 'transitioning',
};

export class ReactorVolume {
  readonly plan: VolumePlan;
  readonly device: MultipathDevice;
  readonly shared: SharedParts;
  /** Indexes of paths that the administrator took out; a path may come (back) after that. */
  readonly disabled = new Set<number>();
  /** As the policy says now. */
  ghostWrites: GhostWrites;
  /** By the path's index, the association that it leads over; null where there is no path. */
  readonly #associations: (number | null)[];
  /** Indexes of paths that are being taken away. */
  readonly #retired = new Set<number>();
  readonly #tell: (event: VolumeEvent) => void;
  /** Those that lead to the volume, or to another one where it should be. */
  readonly #paths = new Map<VolumePath, KnownPath>();
  /** By the path's index. */
  readonly #refusals: (Refusal | null)[] = [];
  /** What the device is; and, by the path's index, the last of the shapes it had that the path showed too. */
  #shape: Shape;
  readonly #shown: (Shape | null)[] = [];
  /** What another reactor's device has become. */
  #told: Shape | null = null;
  #note = '';

  constructor(plan: VolumePlan, device: MultipathDevice, shared: SharedParts, tell: (event: VolumeEvent) => void) {
    this.plan = plan;
    this.device = device;
    this.shared = shared;
    this.ghostWrites = plan.policy.policy.ghostWrites;
    this.#tell = tell;
    this.#associations = [...plan.associations];
    this.#shape = { sizeBytes: plan.geometry.sizeBytes, readOnly: plan.isProtected };
    for (const index of plan.witnesses) this.#shown[index] = this.#shape;
    device.geometry = reshaped(plan.geometry, plan.geometry.sizeBytes, plan.geometry.readOnly);
  }

  begin(paths: Iterable<KnownPath>): void {
    for (const known of paths) if (this.#concerns(known)) this.#paths.set(known.path, known);
    if (!this.#follow()) this.#placeAll();
  }

  /** A path came, came back, or shows something else. */
  onPath(known: KnownPath): void {
    if (!this.#concerns(known)) return;
    this.#paths.set(known.path, known);
    // When the device has changed all paths are looked at anew, this one among them.
    if (!this.#follow()) this.#place(known);
  }

  onPathLost(path: VolumePath): void {
    if (!this.#paths.has(path)) return;
    const index = this.#indexOf(path);
    if (this.device.paths.members[index]?.path === path) this.device.pathChanged(index);
    this.#follow();
  }

  onPathGone(path: VolumePath): void {
    if (!this.#paths.delete(path)) return;
    const index = this.#indexOf(path);
    if (this.device.paths.members[index]?.path === path) this.device.setRemoved(index);
    if (this.#refusals[index]?.path === path) this.#endRefusal(index);
    this.#follow();
  }

  /** One more path, over this association, of which these are known already. Nobody has its index any more. */
  addPath(index: number, association: number, known: Iterable<KnownPath>): void {
    assert((this.#associations[index] ?? null) === null, 'a path index is used twice');
    while (this.#associations.length < index) this.#associations.push(null);
    this.#associations[index] = association;
    for (const path of known) if (path.path.controller === association) this.onPath(path);
  }

  /** Nothing more is sent over the path, whatever is heard of it. */
  retirePath(index: number): void {
    this.#retired.add(index);
    if (this.device.paths.members[index] !== undefined) this.device.setRemoved(index);
    else this.tellState(index, 'removed');
    this.#follow();
  }

  /** The retired path is forgotten, if nothing is under way on it. False: not yet. */
  dropPath(index: number): boolean {
    const { device, shared } = this;
    const member = device.paths.members[index];
    if (device.load(index) > 0) return false;
    if (member !== undefined) {
      leaveController(shared, member);
      device.dropPath(index);
    }
    device.statistics.forgetPath(index);
    for (const path of this.#paths.keys()) if (this.#indexOf(path) === index) this.#paths.delete(path);
    if (this.#associations[index] !== undefined) this.#associations[index] = null;
    this.#refusals[index] = null;
    this.#shown[index] = null;
    this.disabled.delete(index);
    this.#retired.delete(index);
    this.#follow();
    return true;
  }

  /**
   * Before a path is dropped behind which there is a volatile cache: what was acknowledged over it is flushed, by a flush
   * of the whole volume. No reactor sends anything over it any more. A flush that fails because something was lost before
   * tells us instead of who has to know; so the loss is counted anew, before it counts as told. What could not be flushed
   * is lost with the path.
   */
  async settlePath(io: Io, index: number): Promise<void> {
    const { ledger } = this.shared;
    if (ledger.isDirty(index)) {
      const flushed = io.deferred<void>();
      const request = new Request(io, 0);
      request.begin(op.flush, 0, 0, 0, 0, {
        onRequest: ({ status: outcome }) => {
          if (outcome !== status.ok) ledger.inherit();
          flushed.resolve();
        },
      });
      this.device.submit(request);
      await flushed.promise;
    }
    ledger.settleLost(index);
  }

  /** For a path that is not there. */
  tellState(index: number, state: PathState): void {
    const { device, plan } = this;
    device.statistics.set(DeviceStatistics.pathBase(index) + pathCounter.state, pathStateNames.indexOf(state));
    this.#tell({ kind: 'path-state', device: plan.device, index, state });
  }

  /**
   * Nothing of the volume is under way: controllers that live hold nothing of it. Others go on using them, so whoever
   * finds its file and has controllers reset that may hold something must not find these.
   */
  leaveControllers(): void {
    for (const member of this.device.paths.members) if (member !== undefined) leaveController(this.shared, member);
  }

  /** Another reactor's device has become like this: there, a path changed that had been otherwise. */
  told(shape: Shape): void {
    if (isSameShape(shape, this.#shape)) return;
    this.#told = shape;
    this.#follow();
  }

  /** Tells again what the device is and which paths are refused. */
  tellAll(): void {
    this.#tellShape();
    for (const index of this.#refusals.keys()) this.#tellRefusal(index);
  }

  /** Paths over which a command can be sent now, the best first, and among equals the one with the least to do. */
  usablePaths(): VolumePath[] {
    const members = this.device.paths.members.filter((member) => member !== undefined && member.rank > 0);
    const order = new Map(members.map((member) => [member?.path, member]));
    const found = [...this.#paths.keys()].filter((path) => path.open && order.has(path));
    const rank = (path: VolumePath): number => order.get(path)?.rank ?? 0;
    return found.toSorted((a, b) => rank(a) - rank(b) || a.inFlight - b.inFlight);
  }

  /** Where this path stands among the volume's; -1 if it is none of them. */
  #indexOf(path: VolumePath): number {
    return this.#associations.indexOf(path.controller);
  }

  #isOurs({ identity }: PathInfo): boolean {
    return identity.id === this.plan.identity.id;
  }

  /** Other namespaces of its associations are none of its business. */
  #concerns({ path, info }: KnownPath): boolean {
    return this.#indexOf(path) !== -1 && (this.#isOurs(info) || info.nsid === this.plan.nsid);
  }

  /** A path that may still come back showed what the device is now. */
  get #hasWitness(): boolean {
    return this.#shown.some((shape, index) => shape === this.#shape && !this.#retired.has(index));
  }

  /**
   * The device becomes what its paths show, where they agree. True if it changed; then all paths were placed anew. What
   * was admitted before goes on, under way or waiting, and the array answers it.
   */
  #follow(): boolean {
    const { plan, device } = this;
    const up = [...this.#paths.values()].filter(({ path, info }) => {
      const counts = path.open && !this.#retired.has(this.#indexOf(path));
      return counts && this.#isOurs(info) && obstacle(device.geometry, info) === '';
    });
    const shown = up.map(({ path, info: { id, sizeBytes, readOnly } }) => {
      return { id, sizeBytes, readOnly, isWitness: this.#shown[this.#indexOf(path)] === this.#shape };
    });
    const next = nextShape(this.#shape, shown, this.#told, this.#hasWitness);
    const isChanged = next !== this.#shape;
    if (isChanged) {
      this.#shape = next;
      this.#told = null;
      device.geometry = reshaped(device.geometry, next.sizeBytes, plan.readOnly || next.readOnly);
    }
    for (const { path, info } of up) if (isSameShape(info, next)) this.#shown[this.#indexOf(path)] = next;
    const note = shapeNote(next, shown);
    if (isChanged || note !== this.#note) {
      this.#note = note;
      this.#tellShape();
    }
    if (isChanged) this.#placeAll();
    return isChanged;
  }

  #placeAll(): void {
    for (const known of this.#paths.values()) this.#place(known);
  }

  /** Gives the path to the device if it leads to its volume, or brings what is known of it up to date. */
  #place(known: KnownPath): void {
    const { plan, device } = this;
    const { path, info } = known;
    const index = this.#indexOf(path);
    if (this.#retired.has(index)) return;
    const member = device.paths.members[index];
    if (!this.#isOurs(info)) {
      // The address is right, the volume is another one: using it would mix two volumes. That ours may be there under
      // another number as well is its array's choice.
      const isServed = member !== undefined && member.path !== path && member.path.open && !member.removed;
      if (isServed) return;
      const reason = `another volume is there now, ${info.identity.id} instead of ${plan.identity.id}`;
      this.#refuse(index, { path, code: 'volume-replaced', reason });
      return;
    }
    const reason = mismatch(device.geometry, info);
    if (reason !== '') {
      this.#refuse(index, { path, code: 'volume-disagrees', reason });
      return;
    }
    this.#endRefusal(index);
    const access = accessNames[known.access];
    if (member === undefined) {
      device.addPath(index, path, access, this.disabled.has(index));
      return;
    }
    if (member.path === path) member.removed = false;
    else device.replacePath(index, path);
    device.setAccess(index, access);
  }

  #refuse(index: number, refusal: Refusal): void {
    const member = this.device.paths.members[index];
    if (member?.path === refusal.path && !member.removed) this.device.setRemoved(index);
    const before = this.#refusals[index];
    this.#refusals[index] = refusal;
    if (before?.reason !== refusal.reason) this.#tellRefusal(index);
  }

  #endRefusal(index: number): void {
    const refusal = this.#refusals[index];
    if (refusal === null || refusal === undefined) return;
    this.#refusals[index] = null;
    this.#tell({ kind: 'path-not-refused', device: this.plan.device, index });
  }

  #tellRefusal(index: number): void {
    const refusal = this.#refusals[index];
    if (refusal === null || refusal === undefined) return;
    const { path, code, reason } = refusal;
    this.#tell({ kind: 'path-refused', device: this.plan.device, index, id: path.id, code, reason });
  }

  #tellShape(): void {
    const { device } = this.plan;
    const { readOnly } = this.device.geometry;
    this.#tell({ kind: 'volume-shape', device, shape: this.#shape, readOnly, note: this.#note });
  }
}

function leaveController({ gate, lives }: SharedParts, { path }: Member): void {
  const { open, controller, epoch } = path;
  const isDoubted = gate.entries().some((entry) => entry.controller === controller && entry.epoch === epoch);
  if (open && !isDoubted) lives.ended(controller, epoch);
}

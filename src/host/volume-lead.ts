/**
 * The lead's part in attaching a volume: gets the associations that its addresses name, waits until it is known what is
 * there, and says which volume that is. What a volume has of the lead is its *lease*.
 */
import { defined } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import {
  type Association,
  type AssociationListener,
  type AssociationOptions,
  type AssociationState,
} from '../fabric/nvme-tcp/association.ts';
import type { Authenticated } from '../fabric/nvme-tcp/auth/host-side.ts';
import { fenceTime } from '../fabric/nvme-tcp/fence.ts';
import type { Controller } from '../fabric/nvme-tcp/controller.ts';
import { resetOverOthers } from '../fabric/nvme-tcp/cross-reset.ts';
import type { FabricLead } from '../fabric/nvme-tcp/lead.ts';
import type { ControllerInstance, FenceKind, PathInfo } from '../fabric/nvme-tcp/messages.ts';
import type { RefusedNamespace } from '../fabric/nvme-tcp/namespace-scan.ts';
import { anaTransitionMs } from '../fabric/nvme-tcp/namespace-watch.ts';
import { abortGrace } from '../fabric/nvme-tcp/queue-pair.ts';
import { addressText } from '../fabric/nvme-tcp/transport-error.ts';
import type { Io } from '../io/contract.ts';
import { SharedAssociations } from './shared-associations.ts';
import { common } from './volume-shape.ts';

export interface AttachRequest {
  readonly targets: readonly AssociationOptions[];
  /** The namespace; when left out there has to be just one. */
  readonly nsid?: number;
  /** How long the first path may take, and the others after it, milliseconds. */
  readonly timeoutMs: number;
}

/** Controllers that an earlier program of this host left. */
export interface EarlierOrder {
  /** Of the volume that they served. */
  readonly lease: number;
  readonly lives: readonly ControllerInstance[];
  /** Of no use any more after this time, milliseconds. */
  readonly withinMs: number;
}

/** A lost life of a controller with commands of unknown outcome. */
export interface PendingFence {
  readonly epoch: number;
  readonly cntlid: number;
  /** The clock of the lead shows this when time alone is the fence. */
  readonly dueAt: number;
  readonly isAssumed: boolean;
}

/** Time-outs and delays of an association, milliseconds. */
export interface AssociationDelays {
  /** As asked for, and as the controller goes by it; 0 while that is not known. */
  readonly keepAliveAsked: number;
  readonly keepAlive: number;
  readonly ioTimeout: number;
  readonly abortGrace: number;
  readonly tcpUserTimeout: number;
  readonly reconnectFirst: number;
  readonly reconnectLongest: number;
  /** The array does not say how long a lost controller needs to stop: `fenceMs` is an assumption. */
  readonly isFenceAssumed: boolean;
  readonly anaTransition: number;
}

/** An association as people see it. Plain data. */
export interface AssociationView {
  readonly association: number;
  readonly host: string;
  readonly port: number;
  readonly subnqn: string;
  readonly state: AssociationState;
  readonly error: string;
  readonly cntlid: number;
  readonly authenticated: Authenticated | null;
  /** Reactors that have an I/O queue of it. */
  readonly queues: number;
  /** How long after its loss this controller may still execute something, milliseconds; 0 while that is not known. */
  readonly fenceMs: number;
  readonly delays: AssociationDelays;
  /** When it connects again (of the lead's clock), while it waits; else 0. */
  readonly retryAt: number;
  /** Fences that are waited for. */
  readonly fences: readonly PendingFence[];
}

/** It is closed, and nothing of it can be executed any more. */
export function isOver({ state, fences }: AssociationView): boolean {
  return state === 'closed' && fences.length === 0;
}

export interface AttachedVolume {
  readonly lease: number;
  readonly info: PathInfo;
  readonly associations: readonly AssociationView[];
}

/** Indexes of the paths that showed the volume as it was attached. */
export function liveIndexes({ associations }: AttachedVolume): number[] {
  return [...associations.keys()].filter((index) => associations[index]?.state === 'live');
}

/** One more path for a volume that is attached. */
export interface LeasePathOrder {
  readonly lease: number;
  readonly target: AssociationOptions;
  /** Of the volume. */
  readonly identity: string;
  readonly timeoutMs: number;
}

export interface LeasedPath {
  readonly info: PathInfo;
  readonly view: AssociationView;
}

/** What the lead tells the main thread. */
export type LeadEvent =
  | { readonly kind: 'association'; readonly view: AssociationView }
  | { readonly kind: 'fenced'; readonly association: number; readonly epoch: number; readonly how: FenceKind };

/** Once a path stands, how long the others may take before the device is made without them (they join later). */
const othersTimeout = 3_000;

type Namespace = PathInfo | RefusedNamespace;

/** By number, the associations that a volume has: what it wants of each. */
type Lease = Map<number, readonly number[] | undefined>;

function isUsable(namespace: Namespace): namespace is PathInfo {
  return !('code' in namespace);
}

export class VolumeLead implements AssociationListener {
  readonly #io: Io;
  readonly #tell: (event: LeadEvent) => void;
  readonly #fabric: FabricLead;
  readonly #associations: SharedAssociations;
  readonly #namespaces = new Map<number, readonly Namespace[]>();
  readonly #leases = new Map<number, Lease>();
  #nextLease = 1;

  constructor(io: Io, fabric: FabricLead, tell: (event: LeadEvent) => void) {
    this.#io = io;
    this.#tell = tell;
    this.#fabric = fabric;
    this.#associations = new SharedAssociations(fabric, this);
  }

  // --- From the fabric --------------------------------------------------------------------------------------------

  onState(association: Association): void {
    this.#tell({ kind: 'association', view: viewOf(association) });
  }

  onNamespaces(association: Association, namespaces: readonly Namespace[]): void {
    this.#namespaces.set(association.number, namespaces);
  }

  onFenced(association: Association, epoch: number, how: FenceKind): void {
    this.#tell({ kind: 'fenced', association: association.number, epoch, how });
    this.#tell({ kind: 'association', view: viewOf(association) });
  }

  // --- From the host ----------------------------------------------------------------------------------------------

  /**
   * Connects. On failure everything that was begun is taken back.
   * @throws CausewayError of the first address when none can be reached; `no-such-namespace`, `namespace-ambiguous`,
   * `namespace-refused`, `volume-disagrees`
   */
  async attach(request: AttachRequest): Promise<AttachedVolume> {
    const number = this.#nextLease;
    this.#nextLease += 1;
    const lease: Lease = new Map();
    this.#leases.set(number, lease);
    try {
      const associations = request.targets.map((target) => {
        const association = this.#associations.acquire(target);
        lease.set(association.number, target.nsids);
        return association;
      });
      const reached = await this.#reach(associations, request.timeoutMs);
      const info = this.#choose(reached, request.nsid);
      return { lease: number, info, associations: associations.map(viewOf) };
    } catch (error) {
      await this.release(number);
      throw error;
    }
  }

  /** The volume is gone from all reactors: what it alone had is closed. True: some of what it had lives on, for others. */
  async release(number: number): Promise<boolean> {
    const lease = defined(this.#leases.get(number), 'a lease is given back twice');
    this.#leases.delete(number);
    const ending = [...lease].map(([association, nsids]) => this.#giveBack(association, nsids));
    return (await Promise.all(ending)).includes(true);
  }

  /**
   * Connects one more path of a volume. On failure everything that was begun is taken back.
   * @throws CausewayError `path-exists`, of the address when it can not be reached, `volume-disagrees`, `volume-gone`
   */
  async leasePath({ lease: number, target, identity, timeoutMs }: LeasePathOrder): Promise<LeasedPath> {
    const lease = this.#leases.get(number);
    const association = this.#associations.acquire(target);
    const where = whereOf(association);
    if (lease === undefined || lease.has(association.number)) {
      await this.#associations.release(association.number, target.nsids);
      if (lease === undefined) throw new CausewayError('volume-gone', 'the volume was detached');
      throw new CausewayError('path-exists', `there is a path over ${where} already`);
    }
    lease.set(association.number, target.nsids);
    try {
      await this.#reach([association], timeoutMs);
      const info = this.#find(association, identity);
      return { info, view: viewOf(association) };
    } catch (error) {
      await this.returnPath(number, association.number);
      throw error;
    }
  }

  /** The path is gone from all reactors, or never came to them. Nothing is done if the volume is gone altogether. */
  async returnPath(number: number, association: number): Promise<void> {
    const lease = this.#leases.get(number);
    if (lease === undefined || !lease.has(association)) return;
    const nsids = lease.get(association);
    lease.delete(association);
    await this.#giveBack(association, nsids);
  }

  /** True: it lives on, for others. */
  async #giveBack(association: number, nsids: readonly number[] | undefined): Promise<boolean> {
    await this.#associations.release(association, nsids);
    const livesOn = this.#associations.get(association) !== undefined;
    if (!livesOn) this.#namespaces.delete(association);
    return livesOn;
  }

  /** The volume of this identity as one association shows it. */
  #find(association: Association, identity: string): PathInfo {
    const found = this.#namespaces.get(association.number) ?? [];
    for (const namespace of found) if (isUsable(namespace) && namespace.identity.id === identity) return namespace;
    const shown = found.map((each) => (isUsable(each) ? each.identity.id : each.message)).join(', ') || 'none';
    const where = whereOf(association);
    throw new CausewayError('volume-disagrees', `${where} does not show the volume ${identity} (it shows: ${shown})`);
  }

  /** Has them reset over the volume's own controllers. True: none of them can execute anything any more. */
  async resetEarlier({ lease, lives, withinMs }: EarlierOrder): Promise<boolean> {
    const deadline = this.#io.clock.now() + withinMs;
    const [number] = this.#leases.get(lease)?.keys() ?? [];
    const any = number === undefined ? undefined : this.#associations.get(number);
    const isOver = (): boolean => !this.#leases.has(lease) || this.#io.clock.now() >= deadline;
    if (any === undefined) return false;
    const helpers = (): readonly Controller[] => this.#fabric.helpers(any);
    const resets = lives.map((life) => resetOverOthers(this.#io, life, helpers, isOver));
    return (await Promise.all(resets)).every((isReset) => isReset);
  }

  /**
   * What is under way on these associations is not coming back in time: they are lost, and come again. Requests of other
   * volumes go elsewhere meanwhile.
   */
  reset(numbers: readonly number[]): void {
    for (const number of numbers) {
      const association = this.#associations.get(number);
      association?.reset(new CausewayError('nvme-timeout', `${whereOf(association)} does not answer in time.`));
    }
  }

  /** The controller of an association that is live; null otherwise. */
  controller(association: number): Controller | null {
    return this.#associations.get(association)?.controller ?? null;
  }

  /** Waits until what one association shows is known, and then a little for the others. Returns those of which it is. */
  async #reach(associations: readonly Association[], timeoutMs: number): Promise<readonly Association[]> {
    const enough = this.#io.deferred<void>();
    const reached: Association[] = [];
    const failures: CausewayError[] = [];
    for (const association of associations) {
      void association.reached().then((error) => {
        if (error !== null) failures.push(error);
        else if (reached.push(association) === 1) void this.#io.sleep(othersTimeout).then(() => enough.resolve());
        if (reached.length + failures.length === associations.length) enough.resolve();
      });
    }
    void this.#io.sleep(timeoutMs).then(() => enough.resolve());
    await enough.promise;
    // In the order of the addresses, so that the same one is asked first each time.
    const live = associations.filter((association) => association.state === 'live' && reached.includes(association));
    if (live.length > 0) return live;
    const [first] = failures;
    if (first !== undefined) throw first;
    throw new CausewayError('attach-timeout', `no path could be connected within ${timeoutMs} ms`);
  }

  #choose(associations: readonly Association[], nsid: number | undefined): PathInfo {
    const [first, ...others] = associations.map((association) => this.#pick(association, nsid));
    if (first === undefined) throw new CausewayError('attach-timeout', 'no path stayed connected');
    return others.reduce(common, first);
  }

  #pick(association: Association, nsid: number | undefined): PathInfo {
    const found = this.#namespaces.get(association.number) ?? [];
    const where = whereOf(association);
    const listed = found.map((namespace) => namespace.nsid).join(', ') || 'none';
    const wanted = nsid === undefined ? found : found.filter((namespace) => namespace.nsid === nsid);
    const [namespace] = wanted;
    if (namespace === undefined) {
      const what = nsid === undefined ? 'no namespace' : `no namespace ${nsid}`;
      throw new CausewayError('no-such-namespace', `${where} shows ${what} to this host (it shows: ${listed})`);
    }
    if (wanted.length > 1) {
      throw new CausewayError(
        'namespace-ambiguous',
        `${where} has several namespaces (${listed}): choose one with ?nsid=N`,
      );
    }
    if (!isUsable(namespace)) throw new CausewayError(namespace.code, `${where}: ${namespace.message}`);
    return namespace;
  }
}

function delaysOf({ ready, options }: Association): AssociationDelays {
  return {
    keepAliveAsked: options.katoMs,
    keepAlive: ready?.katoMs ?? 0,
    ioTimeout: options.ioTimeoutMs,
    abortGrace: abortGrace(options.ioTimeoutMs),
    tcpUserTimeout: options.userTimeoutMs,
    reconnectFirst: options.reconnectFirstMs,
    reconnectLongest: options.reconnectLongestMs,
    anaTransition: ready === null ? 0 : anaTransitionMs(ready),
    isFenceAssumed: ready !== null && fenceTime(ready, options.quiesceMs).isAssumed,
  };
}

function whereOf(association: Association): string {
  return addressText(association.options.address);
}

function viewOf(association: Association): AssociationView {
  return {
    association: association.number,
    host: association.options.address.host,
    port: association.options.address.port,
    subnqn: association.options.subnqn,
    state: association.state,
    error: association.error?.message ?? '',
    cntlid: association.ready?.cntlid ?? -1,
    authenticated: association.ready?.authenticated ?? null,
    queues: association.queues,
    fenceMs: association.ready === null ? 0 : fenceTime(association.ready, association.options.quiesceMs).milliseconds,
    delays: delaysOf(association),
    retryAt: association.retryAt,
    fences: association.fences.map(({ epoch, cntlid, dueAt, time }) => ({
      epoch,
      cntlid,
      dueAt,
      isAssumed: time.isAssumed,
    })),
  };
}

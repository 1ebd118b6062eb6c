/**
 * The lead's part in attaching a volume: connects the associations that its addresses name, waits until it is known what
 * is there, and says which volume that is.
 */
import { CausewayError } from '../base/errors.ts';
import {
  type Association,
  type AssociationListener,
  type AssociationOptions,
  type AssociationState,
} from '../fabric/nvme-tcp/association.ts';
import { fenceTime } from '../fabric/nvme-tcp/fence.ts';
import type { Controller } from '../fabric/nvme-tcp/controller.ts';
import { resetOverOthers } from '../fabric/nvme-tcp/cross-reset.ts';
import type { FabricLead } from '../fabric/nvme-tcp/lead.ts';
import type { ControllerInstance, FenceKind, PathInfo } from '../fabric/nvme-tcp/messages.ts';
import type { RefusedNamespace } from '../fabric/nvme-tcp/namespace-scan.ts';
import { anaTransitionMs } from '../fabric/nvme-tcp/namespace-watch.ts';
import { abortGrace } from '../fabric/nvme-tcp/queue-pair.ts';
import type { Io } from '../io/contract.ts';

export interface AttachRequest {
  readonly targets: readonly AssociationOptions[];
  /** The namespace; when left out there has to be just one. */
  readonly nsid?: number;
  /** How long the first path may take, and the others after it, milliseconds. */
  readonly timeoutMs: number;
}

/** Controllers that an earlier program of this host left. */
export interface EarlierOrder {
  /** Those of the volume that they served. */
  readonly associations: readonly number[];
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

export interface AttachedVolume {
  readonly info: PathInfo;
  readonly associations: readonly AssociationView[];
}

/** What the lead tells the main thread. */
export type LeadEvent =
  | { readonly kind: 'association'; readonly view: AssociationView }
  | { readonly kind: 'fenced'; readonly association: number; readonly epoch: number; readonly how: FenceKind };

/** Once a path stands, how long the others may take before the device is made without them (they join later). */
const othersTimeout = 3_000;

type Namespace = PathInfo | RefusedNamespace;

function isUsable(namespace: Namespace): namespace is PathInfo {
  return !('code' in namespace);
}

export class VolumeLead implements AssociationListener {
  readonly #io: Io;
  readonly #fabric: FabricLead;
  readonly #tell: (event: LeadEvent) => void;
  readonly #associations = new Map<number, Association>();
  readonly #namespaces = new Map<number, readonly Namespace[]>();

  constructor(io: Io, fabric: FabricLead, tell: (event: LeadEvent) => void) {
    this.#io = io;
    this.#fabric = fabric;
    this.#tell = tell;
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
    const associations = request.targets.map((target) => this.#fabric.add(target, this));
    for (const association of associations) this.#associations.set(association.number, association);
    try {
      for (const association of associations) association.start();
      await this.#connect(associations, request.timeoutMs);
      const info = this.#choose(associations, request.nsid);
      return { info, associations: associations.map(viewOf) };
    } catch (error) {
      await this.release(associations.map((association) => association.number));
      throw error;
    }
  }

  async release(numbers: readonly number[]): Promise<void> {
    const ending = numbers.map(async (number) => {
      const association = this.#associations.get(number);
      if (association === undefined) return;
      await this.#fabric.remove(association);
      this.#associations.delete(number);
      this.#namespaces.delete(number);
    });
    await Promise.all(ending);
  }

  /** Has them reset over the volume's own controllers. True: none of them can execute anything any more. */
  async resetEarlier({ associations, lives, withinMs }: EarlierOrder): Promise<boolean> {
    const deadline = this.#io.clock.now() + withinMs;
    const [any] = this.#known(associations);
    const isOver = (): boolean => this.#known(associations).length === 0 || this.#io.clock.now() >= deadline;
    if (any === undefined) return false;
    const helpers = (): readonly Controller[] => this.#fabric.helpers(any);
    const resets = lives.map((life) => resetOverOthers(this.#io, life, helpers, isOver));
    return (await Promise.all(resets)).every((isReset) => isReset);
  }

  #known(numbers: readonly number[]): Association[] {
    return numbers.flatMap((number) => this.#associations.get(number) ?? []);
  }

  views(numbers: readonly number[]): AssociationView[] {
    return this.#known(numbers).map(viewOf);
  }

  /** Waits until one association lives, and then a little for the others. */
  async #connect(associations: readonly Association[], timeoutMs: number): Promise<void> {
    const enough = this.#io.deferred<void>();
    let left = associations.length;
    let first: CausewayError | null = null;
    const failures: CausewayError[] = [];
    for (const association of associations) {
      void association.attempted.then((error) => {
        left -= 1;
        if (error !== null) failures.push(error);
        if (error === null && first === null) void this.#io.sleep(othersTimeout).then(() => enough.resolve());
        if (left === 0) enough.resolve();
      });
    }
    void this.#io.sleep(timeoutMs).then(() => enough.resolve());
    await enough.promise;
    if (associations.some((association) => association.state === 'live')) return;
    first = failures[0] ?? null;
    if (first !== null) throw first;
    throw new CausewayError('attach-timeout', `no path could be connected within ${timeoutMs} ms`);
  }

  #choose(associations: readonly Association[], nsid: number | undefined): PathInfo {
    let chosen: PathInfo | null = null;
    for (const association of associations) {
      if (association.state !== 'live') continue;
      const info = this.#pick(association, nsid);
      if (chosen === null) {
        chosen = info;
      } else if (chosen.identity.id !== info.identity.id) {
        throw new CausewayError(
          'volume-disagrees',
          `namespace ${info.nsid} is ${chosen.identity.id} at ${chosen.id} but ${info.identity.id} at ${info.id}: these are two volumes`,
        );
      } else if (
        chosen.sizeBytes !== info.sizeBytes ||
        chosen.blockBytes !== info.blockBytes ||
        chosen.readOnly !== info.readOnly
      ) {
        throw new CausewayError(
          'volume-disagrees',
          `the paths ${chosen.id} and ${info.id} lead to one identity but differ in size, block size or read-only state`,
        );
      }
    }
    if (chosen === null) throw new CausewayError('attach-timeout', 'no path stayed connected');
    return chosen;
  }

  #pick(association: Association, nsid: number | undefined): PathInfo {
    const found = this.#namespaces.get(association.number) ?? [];
    const where = `${association.options.address.host}:${association.options.address.port}`;
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

function viewOf(association: Association): AssociationView {
  return {
    association: association.number,
    host: association.options.address.host,
    port: association.options.address.port,
    subnqn: association.options.subnqn,
    state: association.state,
    error: association.error?.message ?? '',
    cntlid: association.ready?.cntlid ?? -1,
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

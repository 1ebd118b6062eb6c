/**
 * What one reactor does for the associations: it holds their I/O queues and native paths, does what the lead asks for, and
 * tells the lead what happened. The layer above (multipath) hears of paths through `PathListener`.
 */
import { assert } from '../../base/assert.ts';
import type { Io } from '../../io/contract.ts';
import type { DhchapSecrets } from './auth/secret.ts';
import type { Breakage } from './breakage.ts';
import {
  type Access,
  type AbortQueue,
  type AddAssociation,
  type FenceKind,
  type OpenQueue,
  type PathInfo,
  type ReactorLink,
  type SetPaths,
  type ToReactor,
} from './messages.ts';
import { NvmePath } from './nvme-path.ts';
import { QueuePair, type QueuePairListener } from './queue-pair.ts';
import { outcome } from './status.ts';

/** Where a reactor's multipath layer hears of native paths. No call comes from inside a `submit`. */
export interface PathListener {
  /**
   * A path appeared, came back (`path.open` is true again), or changed its information or access. The same object for as
   * long as the namespace is there, over losses and reconnects.
   */
  onPath(path: NvmePath, info: PathInfo, access: Access): void;
  /** Its queue is lost: `path.open` is false. Its parts come back soon, each with its outcome. */
  onPathLost(path: NvmePath): void;
  /** The namespace is gone from this controller, or the association ended. Takes no parts any more. */
  onPathGone(path: NvmePath): void;
  /** Commands of this controller's life `epoch`, and of no other, can no longer be executed. */
  onFenced(controller: number, epoch: number, how: FenceKind): void;
}

interface KnownPath {
  path: NvmePath;
  info: PathInfo;
}

class ReactorAssociation implements QueuePairListener {
  readonly number: number;
  readonly queue: QueuePair;
  readonly paths = new Map<number, KnownPath>();
  removing = false;
  readonly #side: FabricReactor;
  readonly #dhchap: DhchapSecrets | null;
  /** The lead wants to hear of this epoch's detachment. */
  #lossTold = false;

  constructor(io: Io, side: FabricReactor, options: AddAssociation) {
    this.number = options.association;
    this.#side = side;
    this.#dhchap = options.dhchap;
    this.queue = new QueuePair(io, this, {
      depth: options.depth,
      digests: options.digests,
      timeoutMs: options.ioTimeoutMs,
      userTimeout: options.userTimeoutMs,
      handshakeMs: options.handshakeMs,
      receiveBytes: ioReceiveBytes,
    });
  }

  open(message: OpenQueue): void {
    assert(this.queue.detached, 'a queue is opened before its last life ended');
    this.#lossTold = false;
    this.queue.connect({ ...message, dhchap: this.#dhchap });
  }

  abort(message: AbortQueue): void {
    if (this.queue.detached) {
      this.#postDetached(message.epoch);
      return;
    }
    if (message.epoch !== this.queue.epoch) return;
    const wasOpen = this.queue.open;
    this.queue.abort(message.outcome);
    if (wasOpen) this.#tellLost();
  }

  setPaths(message: SetPaths): void {
    // A life that was lost meanwhile: the next one brings its own list.
    if (message.epoch !== this.queue.epoch) return;
    const there = new Set<number>();
    for (const info of message.paths) {
      there.add(info.nsid);
      this.#setPath(info);
    }
    for (const [nsid, { path }] of this.paths) {
      if (!there.has(nsid)) this.#removePath(nsid, path);
    }
  }

  #setPath(info: PathInfo): void {
    let known = this.paths.get(info.nsid);
    if (known !== undefined && !isSameVolume(known.info, info)) {
      this.#removePath(info.nsid, known.path);
      known = undefined;
    }
    if (known === undefined) {
      const { id, nsid, blockBytes, limits, deallocatesZeroes } = info;
      const path = new NvmePath(this.queue, id, this.number, nsid, blockBytes, limits, deallocatesZeroes);
      known = { path, info };
      this.paths.set(nsid, known);
    } else {
      known.info = info;
      known.path.limits = info.limits;
      known.path.deallocatesZeroes = info.deallocatesZeroes;
    }
    this.#side.listener.onPath(known.path, info, info.access);
  }

  #removePath(nsid: number, path: NvmePath): void {
    this.paths.delete(nsid);
    this.queue.removePath(path);
    path.gone = true;
    this.#side.listener.onPathGone(path);
  }

  removeAllPaths(): void {
    for (const [nsid, { path }] of this.paths) this.#removePath(nsid, path);
  }

  #tellLost(): void {
    for (const { path } of this.paths.values()) this.#side.listener.onPathLost(path);
  }

  #postDetached(epoch: number): void {
    const inDoubt = epoch === this.queue.epoch ? this.queue.inDoubt : 0;
    this.#side.link.post({ kind: 'queue-detached', association: this.number, epoch, inDoubt });
  }

  // QueuePairListener

  onQueueOpen(queue: QueuePair): void {
    this.#side.link.post({ kind: 'queue-opened', association: this.number, epoch: queue.epoch });
  }

  onQueueLost(queue: QueuePair, how: Breakage, status: number): void {
    if (!this.#lossTold) {
      this.#lossTold = true;
      const { errno, fes, fei } = queue.connection;
      const { epoch } = queue;
      const refusal = queue.refusal === null ? null : { code: queue.refusal.code, message: queue.refusal.message };
      const known = { how, status, errno, fes, fei, refusal };
      this.#side.link.post({ kind: 'queue-lost', association: this.number, epoch, ...known });
    }
    this.#tellLost();
  }

  onCommandOverdue(queue: QueuePair, cid: number): void {
    this.#side.link.post({ kind: 'command-overdue', association: this.number, epoch: queue.epoch, cid });
  }

  onQueueTimeout(queue: QueuePair): void {
    this.#side.link.post({ kind: 'queue-timeout', association: this.number, epoch: queue.epoch });
  }

  onQueueSuspected(queue: QueuePair): void {
    this.#side.link.post({ kind: 'queue-suspected', association: this.number, epoch: queue.epoch });
  }

  onAccessDoubted(queue: QueuePair): void {
    this.#side.link.post({ kind: 'access-doubted', association: this.number, epoch: queue.epoch });
  }

  onQueueDetached(queue: QueuePair): void {
    this.#postDetached(queue.epoch);
    if (this.removing) this.#side.forget(this);
  }
}

/** Receive buffer of an I/O queue: two of the largest transfers in small pieces would fill less. */
const ioReceiveBytes = 256 * 1024;

/** The same volume as before, so that its path object may live on. */
function isSameVolume(before: PathInfo, now: PathInfo): boolean {
  return before.identity.id === now.identity.id && before.blockBytes === now.blockBytes;
}

/** Which lives of one controller are fenced: a later one may be before an earlier one, whose fence takes longer. */
class FencedLives {
  /** All up to this one. Lives count from 1. */
  #upTo = 0;
  readonly #beyond = new Set<number>();

  has(epoch: number): boolean {
    return epoch <= this.#upTo || this.#beyond.has(epoch);
  }

  add(epoch: number): void {
    this.#beyond.add(epoch);
    while (this.#beyond.delete(this.#upTo + 1)) this.#upTo += 1;
  }
}

export class FabricReactor {
  readonly link: ReactorLink;
  readonly listener: PathListener;
  readonly #io: Io;
  readonly #associations = new Map<number, ReactorAssociation>();
  /** By association; kept after its removal, for parts that ask late. */
  readonly #fenced = new Map<number, FencedLives>();

  constructor(io: Io, link: ReactorLink, listener: PathListener) {
    this.#io = io;
    this.link = link;
    this.listener = listener;
  }

  /** True if commands that this controller got in its life `epoch` can no longer be executed. */
  isFenced(controller: number, epoch: number): boolean {
    return this.#fenced.get(controller)?.has(epoch) ?? false;
  }

  /** A message of the lead. */
  onMessage(message: ToReactor): void {
    if (message.kind === 'add-association') {
      assert(!this.#associations.has(message.association), 'an association is added twice');
      this.#associations.set(message.association, new ReactorAssociation(this.#io, this, message));
      return;
    }
    if (message.kind === 'fenced') {
      const lives = this.#fenced.get(message.association) ?? new FencedLives();
      lives.add(message.epoch);
      this.#fenced.set(message.association, lives);
      this.listener.onFenced(message.association, message.epoch, message.how);
      return;
    }
    const association = this.#associations.get(message.association);
    if (association === undefined) return;
    switch (message.kind) {
      case 'open-queue':
        association.open(message);
        return;
      case 'abort-queue':
        association.abort(message);
        return;
      case 'set-paths':
        association.setPaths(message);
        return;
      case 'remove-association':
        association.removing = true;
        association.removeAllPaths();
        if (association.queue.detached) this.forget(association);
        else association.queue.abort(outcome.withdrawn);
        return;
    }
  }

  forget(association: ReactorAssociation): void {
    this.#associations.delete(association.number);
    association.queue.release();
    this.link.post({ kind: 'association-removed', association: association.number });
  }
}

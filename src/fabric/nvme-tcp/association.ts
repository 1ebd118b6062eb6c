/**
 * The life of one association: this host, one port of the array, one subsystem. It connects, keeps connected, watches the
 * namespaces, and when anything of it is lost condemns the whole, fences it and connects anew, for ever by default.
 *
 * Surface for those above:
 * - `FabricLead` (lead.ts) makes associations on the lead reactor; `FabricReactor` (reactor-side.ts) is each reactor's side.
 * - `AssociationListener` tells the lead's user of states, namespaces and fences; `PathListener` tells each reactor's
 *   multipath layer of paths.
 * - `association.number` is `NativePath.controller`; a life is an `epoch`, counted from 1.
 *
 * Why condemned as a whole: a lost write's fence speaks of the controller, and a controller that still lives over another
 * reactor's connection would be kept alive by it, so that its time would never begin to run.
 *
 * A life's end, in this order:
 * 1. every reactor aborts its queue of this life, and its parts come back: those that may still be executed are in doubt;
 * 2. if none is in doubt the life counts as fenced: there is nothing that could happen later;
 * 3. else fence.ts tries a reset over the admin queue and over other controllers;
 * 4. the admin connection is aborted (after the reset over it has ended), and only now time begins to run;
 * 5. the fence is told to every reactor when it is there. Reconnecting does not wait for it: a new life is a new controller,
 *    and what is held back for the old one is multipath's matter.
 */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Deferred, Io } from '../../io/contract.ts';
import { Aborts } from './aborts.ts';
import { type AssociationOptions, type CompleteOptions, completeOptions } from './association-options.ts';
import { breakage } from './breakage.ts';
import { Controller, type ControllerListener, type ReadyController } from './controller.ts';
import { Fence, fenceTime } from './fence.ts';
import { Life } from './life.ts';
import { lossOutcomeOf } from './loss.ts';
import type { FenceKind, LeadLink, PathInfo, ToLead, ToReactor } from './messages.ts';
import type { RefusedNamespace } from './namespace-scan.ts';
import { NamespaceWatch, stale } from './namespace-watch.ts';
import { isAlive, probeMs } from './probe.ts';
import { outcome } from './status.ts';
import { isRefusal } from './queue-authentication.ts';
import { addressText, breakageError, connectError, expectedError } from './transport-error.ts';
import { WantedNamespaces } from './wanted-namespaces.ts';

export type { AssociationOptions } from './association-options.ts';

/** Each state: who sets it, what it means. All are set by the association itself. */
export type AssociationState =
  /** Not started. */
  | 'idle'
  /** A controller is being brought up, with its I/O queues and namespaces. */
  | 'connecting'
  /** Its paths may be used. */
  | 'live'
  /** Something of it was lost: its queues are aborted, its parts come back, a reset may be tried. */
  | 'condemned'
  /** Waiting to connect again. */
  | 'waiting'
  /** Over, by order. */
  | 'closed';

const moves: Readonly<Record<AssociationState, readonly AssociationState[]>> = {
  idle: ['connecting', 'closed'],
  connecting: ['live', 'condemned'],
  live: ['condemned'],
  condemned: ['waiting', 'closed'],
  waiting: ['connecting', 'closed'],
  closed: [],
};

/** Where the lead's user hears of an association. */
export interface AssociationListener {
  /** `error` says why it is condemned or waits; null otherwise. */
  onState(association: Association, state: AssociationState, error: CausewayError | null): void;
  /** What the array shows now: told at the beginning of each life and after changes. */
  onNamespaces(association: Association, namespaces: readonly (PathInfo | RefusedNamespace)[]): void;
  onFenced(association: Association, epoch: number, how: FenceKind): void;
}

/** What an association needs of the lead. */
export interface AssociationHome {
  readonly io: Io;
  readonly link: LeadLink;
  /**
   * Live controllers of the same subsystem that can reset another controller. The association's own is among them once it
   * has a new one: where one path is left and its port came back, nobody else could fence the life that was lost there.
   */
  helpers(association: Association): readonly Controller[];
}

/** A life that lasted this long ends a row of failures. */
const stableMs = 10_000;
/** Bound on opening all I/O queues, beyond the handshake's own. */
const openQueuesMs = 10_000;

export class Association {
  readonly number: number;
  readonly options: CompleteOptions;
  state: AssociationState = 'idle';
  epoch = 0;
  /** When it connects again (of the lead's clock), while it waits; else 0. */
  retryAt = 0;
  /** Why it is not live; of the last life. */
  error: CausewayError | null = null;
  /** Fences that are not there yet, oldest first. */
  readonly fences: Fence[] = [];
  readonly #home: AssociationHome;
  readonly #listener: AssociationListener;
  readonly #wanted = new WantedNamespaces();
  /** Of the attempt to connect that is under way, or the next one; or of the one that made it live. */
  #attempted: Deferred<CausewayError | null>;
  readonly #closed: Deferred<void>;
  readonly #removed = new Set<number>();
  readonly #allRemoved: Deferred<void>;
  #life: Life | null = null;
  #closing = false;
  #retryNow: Deferred<void> | null = null;
  /** Somebody waits for the next attempt. */
  #inHurry = false;
  #failures = 0;

  constructor(home: AssociationHome, number: number, listener: AssociationListener, options: AssociationOptions) {
    this.#home = home;
    this.number = number;
    this.#listener = listener;
    this.options = completeOptions(options);
    this.#wanted.add(options.nsids);
    this.#attempted = home.io.deferred();
    this.#closed = home.io.deferred();
    this.#allRemoved = home.io.deferred();
    for (let reactor = 0; reactor < home.link.reactors; reactor += 1) {
      const { queueDepth: depth, digests, ioTimeoutMs, userTimeoutMs, handshakeMs, dhchap } = this.options;
      this.#post(reactor, {
        kind: 'add-association',
        association: number,
        depth,
        digests,
        ioTimeoutMs,
        userTimeoutMs,
        handshakeMs,
        dhchap,
      });
    }
  }

  /** The controller of the life that is live; null otherwise. */
  get controller(): Controller | null {
    return this.state === 'live' && this.#life !== null ? this.#life.controller : null;
  }

  /** What is known of the controller now, for people. */
  get ready(): ReadyController | null {
    return this.#life?.controller?.ready ?? null;
  }

  /** How many reactors have an I/O queue: as many as the array grants, from reactor 0 on. */
  get queues(): number {
    return this.#life?.queues.size ?? 0;
  }

  /**
   * Resolves when the attempt to connect has ended that is under way, or else the next one: null if it succeeded, as for
   * one that is live, else why not.
   */
  get attempted(): Promise<CausewayError | null> {
    return this.#attempted.promise;
  }

  /** One more user wants these namespaces to be looked at; all if left out. */
  include(nsids: readonly number[] | undefined): void {
    this.#wanted.add(nsids);
    this.#life?.watch?.becomesStale(stale.wanted);
  }

  /** As it was included: that user does not want them any more. Nothing may be under way to what nobody else wants. */
  exclude(nsids: readonly number[] | undefined): void {
    this.#wanted.remove(nsids);
    this.#life?.watch?.becomesStale(stale.wanted);
  }

  /**
   * Resolves with null once it is live and all that is wanted of it now is known; or with why it can not be reached. It
   * does not wait for its time to connect again: that it was lost a while ago says nothing of now.
   */
  async reached(): Promise<CausewayError | null> {
    if (this.state === 'condemned' || this.state === 'waiting') {
      this.#inHurry = true;
      this.#retryNow?.resolve();
    }
    const error = await this.#attempted.promise;
    const life = this.#life;
    const watch = life?.watch ?? null;
    if (error !== null || life === null || watch === null) return error ?? this.error;
    await Promise.race([watch.caughtUp(), life.condemned.promise]);
    return life.error;
  }

  start(): void {
    assert(this.state === 'idle', 'an association is started twice');
    void this.#run();
  }

  /** Ends what it is and begins a new life: for the administrator, and for whoever finds the controller at fault. */
  reset(reason: CausewayError): void {
    this.#life?.condemn(reason);
    this.#retryNow?.resolve();
  }

  /**
   * Ends it. Parts under way come back with the outcome `withdrawn`, so an orderly end waits until none is. Resolves when
   * no reactor knows it any more. Fences that are not there yet are still told when they are.
   */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      const asked = new CausewayError('nvme-connection-lost', `The connection to ${this.#where} was closed by order.`);
      if (this.state === 'idle') void this.#finish();
      else this.#life?.condemn(asked, outcome.withdrawn);
      // Nobody waits for what is being connected, and an array that does not answer would keep us for all its time-outs.
      if (this.state === 'connecting') void this.#life?.controller?.abort();
      this.#retryNow?.resolve();
    }
    return this.#closed.promise;
  }

  get #where(): string {
    return addressText(this.options.address);
  }

  #move(state: AssociationState): void {
    assert(moves[this.state].includes(state), 'an association makes an illegal move');
    this.state = state;
    this.#listener.onState(this, state, this.error);
  }

  #post(reactor: number, message: ToReactor): void {
    this.#home.link.post(reactor, message);
  }

  async #run(): Promise<void> {
    const { io } = this.#home;
    while (!this.#closing) {
      this.epoch += 1;
      const life = new Life(io, this.epoch);
      this.#life = life;
      this.#inHurry = false;
      this.#move('connecting');
      try {
        await this.#bringUp(life);
        this.error = null;
        life.liveSince = io.clock.now();
        this.#move('live');
        life.watch?.begin();
        this.#attempted.resolve(null);
      } catch (error) {
        life.condemn(expectedError(error));
      }
      await life.condemned.promise;
      if (life.liveSince > 0 && !this.#closing) this.#attempted = io.deferred();
      const lived = life.liveSince > 0 && io.clock.now() - life.liveSince >= stableMs;
      this.#failures = lived ? 0 : this.#failures + 1;
      this.error = life.error;
      this.#move('condemned');
      await this.#tearDown(life);
      if (this.#closing) break;
      if (life.liveSince === 0) {
        this.#attempted.resolve(life.error);
        this.#attempted = io.deferred();
      }
      this.retryAt = io.clock.now() + this.#delay();
      this.#move('waiting');
      await this.#pause();
      this.retryAt = 0;
    }
    await this.#finish();
  }

  /** Jittered exponential backoff, so that many hosts do not come back to an array all at once. */
  #delay(): number {
    const { reconnectFirstMs, reconnectLongestMs } = this.options;
    if (this.#inHurry) return 0;
    // An array may lock a host out that tries wrong secrets, and what is wrong with them is for people to mend.
    const isFutile = this.error !== null && isRefusal(this.error);
    const doublings = Math.min(Math.max(0, this.#failures - 1), 20);
    const longest = isFutile ? reconnectLongestMs : Math.min(reconnectLongestMs, reconnectFirstMs * 2 ** doublings);
    return longest * (0.5 + this.#home.io.random.float() / 2);
  }

  async #pause(): Promise<void> {
    const { io } = this.#home;
    const retryNow = io.deferred<void>();
    this.#retryNow = retryNow;
    void io.sleep(this.retryAt - io.clock.now()).then(() => retryNow.resolve());
    await retryNow.promise;
    this.#retryNow = null;
  }

  async #bringUp(life: Life): Promise<void> {
    const { io, link } = this.#home;
    const { options } = this;
    const controller = new Controller(io, this.#listenTo(life), { ...options, ioQueues: link.reactors });
    life.controller = controller;
    const ready = await controller.start();
    life.aborts = new Aborts(controller, ready.id.acl);
    for (let reactor = 0; reactor < ready.ioQueues; reactor += 1) {
      life.queues.set(reactor, { opened: false, detached: false, inDoubt: 0 });
    }
    for (const reactor of life.queues.keys()) this.#post(reactor, this.#openQueue(life, ready, reactor));
    const bound = options.handshakeMs + openQueuesMs;
    void io.sleep(bound).then(() => {
      if (life.allOpen.settled) return;
      life.condemn(
        new CausewayError('nvme-timeout', `${this.#where} does not open all I/O queues within ${bound} ms.`),
      );
    });
    await life.allOpen.promise;
    life.watch = new NamespaceWatch(io, life, controller, options, this.#wanted, (paths, all) =>
      this.#announce(life, paths, all),
    );
    await life.watch.readAll();
    if (life.error !== null) throw life.error;
  }

  #openQueue(life: Life, ready: ReadyController, reactor: number): ToReactor {
    const { address, hostid, hostnqn, subnqn } = this.options;
    return {
      kind: 'open-queue',
      association: this.number,
      epoch: life.epoch,
      address,
      qid: qidOf(reactor),
      cntlid: ready.cntlid,
      ciu: ready.id.ciu,
      cirn: ready.id.cirn,
      fenceMs: fenceTime(ready, this.options.quiesceMs).milliseconds,
      hostid,
      hostnqn,
      subnqn,
      depth: ready.queueDepth,
      inCapsuleBytes: ready.inCapsuleBytes,
      retryDelaysMs: ready.retryDelaysMs,
    };
  }

  #listenTo(life: Life): ControllerListener {
    return {
      onControllerLost: (error) => life.condemn(error),
      onNamespacesChanged: () => life.watch?.becomesStale(stale.namespaces | stale.access),
      onAnaChanged: () => life.watch?.becomesStale(stale.access),
      onDiscoveryChanged: () => undefined,
      // Whoever waits for it polls the log, which it has to do anyway: events may be lost with their controller.
      onCrossControllerReset: () => undefined,
    };
  }

  #announce(life: Life, paths: readonly PathInfo[], all: readonly (PathInfo | RefusedNamespace)[]): void {
    for (const reactor of life.queues.keys()) {
      this.#post(reactor, { kind: 'set-paths', association: this.number, epoch: life.epoch, paths });
    }
    this.#listener.onNamespaces(this, all);
  }

  async #tearDown(life: Life): Promise<void> {
    const { io } = this.#home;
    // Not bounded: a reactor that does not answer is one that stopped for good, and then so does the whole process.
    for (const reactor of life.queues.keys()) {
      const message = { association: this.number, epoch: life.epoch, outcome: life.lossOutcome };
      this.#post(reactor, { kind: 'abort-queue', ...message });
    }
    life.checkDetached();
    await life.allDetached.promise;
    const { controller } = life;
    const lost = controller?.ready ?? null;
    if (lost === null || controller === null || life.inDoubt + controller.leftBehind === 0) {
      if (this.#closing) await controller?.shutdown();
      else await controller?.abort();
      this.#tellFenced(life.epoch, 'nothing-in-doubt');
      return;
    }
    const fence = new Fence(io, life.epoch, lost, this.options.quiesceMs, () => this.#home.helpers(this));
    life.fence = fence;
    this.fences.push(fence);
    void fence.done.then((how) => {
      this.fences.splice(this.fences.indexOf(fence), 1);
      this.#tellFenced(life.epoch, how);
    });
    void fence.askOthers();
    await Promise.race([this.#resetItself(controller, fence), fence.done]);
    await controller.abort();
    void fence.waitForTime();
  }

  async #resetItself(controller: Controller, fence: Fence): Promise<void> {
    if (!controller.alive) return;
    try {
      if (await controller.reset()) fence.settle('controller-reset');
    } catch (error) {
      // The admin queue was lost too.
      expectedError(error);
    }
  }

  #tellFenced(epoch: number, how: FenceKind): void {
    for (let reactor = 0; reactor < this.#home.link.reactors; reactor += 1) {
      this.#post(reactor, { kind: 'fenced', association: this.number, epoch, how });
    }
    this.#listener.onFenced(this, epoch, how);
  }

  async #finish(): Promise<void> {
    for (let reactor = 0; reactor < this.#home.link.reactors; reactor += 1) {
      this.#post(reactor, { kind: 'remove-association', association: this.number });
    }
    await this.#allRemoved.promise;
    this.#attempted.resolve(this.error);
    this.#move('closed');
    this.#closed.resolve();
  }

  /** A message of a reactor. */
  onMessage(from: number, message: ToLead): void {
    if (message.kind === 'association-removed') {
      this.#removed.add(from);
      if (this.#removed.size === this.#home.link.reactors) this.#allRemoved.resolve();
      return;
    }
    const life = this.#life;
    if (life === null || life.epoch !== message.epoch) return;
    switch (message.kind) {
      case 'queue-opened':
        life.queueOpened(from);
        return;
      case 'queue-lost':
        life.condemn(this.#queueError(message), lossOutcomeOf(message.how));
        return;
      case 'command-overdue':
        life.aborts?.ask(qidOf(from), message.cid);
        return;
      case 'queue-timeout':
        life.condemn(
          new CausewayError(
            'nvme-timeout',
            `${this.#where} does not answer I/O within ${this.options.ioTimeoutMs} ms, nor after an Abort.`,
          ),
          outcome.timedOut,
        );
        return;
      case 'queue-detached':
        life.queueDetached(from, message.inDoubt);
        return;
      case 'access-doubted':
        life.watch?.becomesStale(stale.access);
        return;
      case 'queue-suspected':
        if (!life.probed) void this.#probe(life);
        return;
    }
  }

  async #probe(life: Life): Promise<void> {
    const { controller } = life;
    if (controller === null || this.state !== 'live') return;
    life.probed = true;
    const lives = await isAlive(this.#home.io, controller);
    life.probed = false;
    if (lives) return;
    const text = `${this.#where} answers neither I/O nor a Keep Alive within ${probeMs} ms, while other paths answer.`;
    life.condemn(new CausewayError('nvme-timeout', text), outcome.timedOut);
  }

  #queueError({ how, status, refusal, ...details }: Extract<ToLead, { kind: 'queue-lost' }>): CausewayError {
    const { address, subnqn } = this.options;
    if (refusal !== null) return new CausewayError(refusal.code, refusal.message);
    return how === breakage.none ? connectError(status, subnqn, address) : breakageError(how, details, address);
  }
}

/** The I/O queue of a reactor. */
function qidOf(reactor: number): number {
  return reactor + 1;
}

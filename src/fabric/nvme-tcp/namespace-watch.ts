/**
 * Keeps up with what a live controller shows: its namespaces, and how ANA lets them be used. Reads what an event says is
 * out of date, until nothing is, and tells the association. Control.
 */
import { CausewayError } from '../../base/errors.ts';
import type { Address, Deferred, Io } from '../../io/contract.ts';
import { asyncEventBit } from './constants.ts';
import type { Controller, ReadyController } from './controller.ts';
import { access, type PathInfo } from './messages.ts';
import {
  activeNamespaces,
  isServed,
  readNamespace,
  type RefusedNamespace,
  type ServedNamespace,
} from './namespace-scan.ts';
import { accessByNamespace, pathInfoOf } from './path-info.ts';
import { addressText, expectedError } from './transport-error.ts';
import type { WantedNamespaces } from './wanted-namespaces.ts';

/** What can be out of date. Bits. `wanted`: which namespaces are looked at, though the array changed none of them. */
export const stale = { namespaces: 1, access: 2, wanted: 4 } as const;

/** The life that is watched. */
interface WatchedLife {
  readonly condemned: { readonly settled: boolean };
  condemn(error: CausewayError): void;
}

export interface WatchOptions {
  readonly address: Address;
  readonly subnqn: string;
}

/** Told after each reading: what can be served, and everything, with the reasons for what cannot. */
type Announce = (paths: readonly PathInfo[], all: readonly (PathInfo | RefusedNamespace)[]) => void;

/** How often a namespace between two ANA states is looked at, besides what events say. Milliseconds. */
const transitionLookMs = 1000;
/** For arrays that report no ANATT (0 is none, although ANA reporting asks for one). */
const defaultTransitionMs = 30_000;

export class NamespaceWatch {
  readonly #io: Io;
  readonly #life: WatchedLife;
  readonly #controller: Controller;
  readonly #options: WatchOptions;
  readonly #wanted: WantedNamespaces;
  readonly #announce: Announce;
  readonly #namespaces = new Map<number, ServedNamespace | RefusedNamespace>();
  /** Who waits until nothing is out of date. */
  readonly #waiting: Deferred<void>[] = [];
  #stale = 0;
  #first = true;
  #begun = false;
  #reading = false;
  /** By nsid, of those between two ANA states: since when, as far as we know. */
  readonly #changingSince = new Map<number, number>();
  #watchingTransitions = false;

  constructor(
    io: Io,
    life: WatchedLife,
    controller: Controller,
    options: WatchOptions,
    wanted: WantedNamespaces,
    announce: Announce,
  ) {
    this.#io = io;
    this.#life = life;
    this.#controller = controller;
    this.#options = options;
    this.#wanted = wanted;
    this.#announce = announce;
  }

  /** The first reading. What goes wrong condemns the life. */
  async readAll(): Promise<void> {
    this.#stale = stale.namespaces | stale.access;
    await this.#read();
  }

  /** The life is live: events are acted upon from now on, and those that came since the first reading too. */
  begin(): void {
    this.#begun = true;
    if (this.#stale !== 0) this.becomesStale(0);
  }

  /** Called from callbacks of the loop, so the reading is begun as control work: the loop has to know of its promises. */
  becomesStale(bits: number): void {
    this.#stale |= bits;
    if (!this.#begun || this.#reading) return;
    const begin = this.#io.deferred<void>();
    void begin.promise.then(() => this.#read());
    begin.resolve();
  }

  /** Resolves once nothing is out of date. If the life ends before that, it may never do so. */
  caughtUp(): Promise<void> {
    if (this.#stale === 0 && !this.#reading) return Promise.resolve();
    const caughtUp = this.#io.deferred<void>();
    this.#waiting.push(caughtUp);
    return caughtUp.promise;
  }

  /** Reads again what is out of date, until nothing is. One at a time. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#stale !== 0 && !this.#life.condemned.settled) {
        const bits = this.#stale;
        this.#stale = 0;
        if ((bits & (stale.namespaces | stale.wanted)) !== 0) {
          await this.#readNamespaces((bits & stale.namespaces) !== 0);
        }
        await this.#readAccess();
      }
      if (this.#stale === 0) for (const caughtUp of this.#waiting.splice(0)) caughtUp.resolve();
    } catch (error) {
      // What the array says cannot be understood or read: to go on with what was known would be to guess.
      this.#life.condemn(expectedError(error));
    } finally {
      this.#reading = false;
    }
  }

  get #ready(): ReadyController {
    const { ready } = this.#controller;
    if (ready === null) throw new CausewayError('assertion', 'a controller is watched before it is ready');
    return ready;
  }

  /** @param mayHaveChanged the array may have changed some; otherwise only what is wanted has */
  async #readNamespaces(mayHaveChanged: boolean): Promise<void> {
    const { admin } = this.#controller;
    const known = this.#namespaces;
    const changed = mayHaveChanged ? await this.#changedNamespaces() : [];
    const wanted = this.#wanted.list ?? (await activeNamespaces(admin));
    const those = new Set(wanted);
    for (const nsid of known.keys()) if (!those.has(nsid)) known.delete(nsid);
    for (const nsid of wanted) {
      const before = known.get(nsid);
      // Whoever asks for a namespace anew is not told what was wrong with it then.
      const isKnown = before !== undefined && (mayHaveChanged || isServed(before));
      if (isKnown && changed !== null && !changed.includes(nsid)) continue;
      known.set(nsid, await readNamespace(admin, nsid, this.#ready));
    }
  }

  /** Null: any of them. */
  async #changedNamespaces(): Promise<readonly number[] | null> {
    // Every reading reads the log, the first one too, which reads all in any case: a change may have been reported before
    // anybody listened, and without that the controller would never report the next one. One that reports none at all
    // need not have the log.
    const reports = (this.#ready.id.oaes & asyncEventBit.namespaceAttributeNotices) !== 0;
    const listed = reports || !this.#first ? await this.#controller.readChangedNamespaces() : null;
    const changed = this.#first ? null : listed;
    this.#first = false;
    return changed;
  }

  async #readAccess(): Promise<void> {
    const { hasAna } = this.#ready;
    const where = addressText(this.#options.address);
    const log = hasAna ? await this.#controller.readAnaLog() : null;
    const paths: PathInfo[] = [];
    const all: (PathInfo | RefusedNamespace)[] = [];
    for (const namespace of this.#namespaces.values()) {
      if (!isServed(namespace)) {
        all.push(namespace);
        continue;
      }
      const info = pathInfoOf(namespace, where, this.#options.subnqn, accessByNamespace(log, namespace));
      paths.push(info);
      all.push(info);
    }
    this.#judgeTransitions(paths);
    if (this.#life.condemned.settled) return;
    this.#announce(paths, all);
    if (this.#changingSince.size > 0 && !this.#watchingTransitions) void this.#watchTransitions();
  }

  /**
   * A namespace between two ANA states has to reach one within ANATT; otherwise the controller is at fault, and is reset:
   * a new life reads everything anew, and has as much time again. Judged by what was read just now, and by nothing else,
   * so that neither an event that was lost nor a stall of our own condemns anybody.
   */
  #judgeTransitions(paths: readonly PathInfo[]): void {
    const now = this.#io.clock.now();
    const before = new Map(this.#changingSince);
    this.#changingSince.clear();
    for (const path of paths) {
      if (path.access === access.change) this.#changingSince.set(path.nsid, before.get(path.nsid) ?? now);
    }
    const limit = anaTransitionMs(this.#ready);
    for (const since of this.#changingSince.values()) {
      if (now - since < limit) continue;
      const where = addressText(this.#options.address);
      this.#life.condemn(
        new CausewayError('nvme-timeout', `${where} has been in ANA transition for more than ${limit / 1000} s.`),
      );
    }
  }

  async #watchTransitions(): Promise<void> {
    this.#watchingTransitions = true;
    while (this.#changingSince.size > 0 && !this.#life.condemned.settled) {
      await this.#io.sleep(transitionLookMs);
      this.becomesStale(stale.access);
    }
    this.#watchingTransitions = false;
  }
}

/** How long a namespace may be between two ANA states, milliseconds; 0 = there are none. */
export function anaTransitionMs({ hasAna, id }: ReadyController): number {
  if (!hasAna) return 0;
  return id.anatt === 0 ? defaultTransitionMs : id.anatt * 1000;
}

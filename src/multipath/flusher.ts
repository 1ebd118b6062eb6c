/**
 * Flush over many controllers. Without a volatile cache what is acknowledged is durable, and a flush has nothing to do.
 * With one that all controllers share, any path will do. Else every controller that holds something uncovered is flushed,
 * each over its own path; flush-ledger.ts says what is uncovered, and what was lost.
 */
import { type Op, op, requestFlag } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { NativePath, Part } from '../fabric/contract.ts';
import { FlushLedger } from './flush-ledger.ts';
import type { Clock, Task } from '../io/contract.ts';
import type { Job } from './job.ts';
import type { Member } from './member.ts';
import type { MultipathOptions } from './options.ts';
import type { PathSet } from './path-set.ts';

/** The device, as far as flushing needs it. */
export interface FlushHost {
  readonly paths: PathSet;
  readonly clock: Clock;
  /** `pump` is to be called at that time, milliseconds of the reactor's clock. */
  wakeAt(at: number): void;
  /** A new part of the job's request; null if there is none. */
  newPart(job: Job): Part | null;
  send(part: Part, path: NativePath, index: number): void;
  /** To be sent over any path. */
  sendAnywhere(part: Part): void;
  /** The part is done with. */
  done(part: Part): void;
}

/** A controller that lets a flush hang so often, while it lives, does not flush. */
const mostAttempts = 4;

export class Flusher implements Task {
  readonly #host: FlushHost;
  readonly #ledger: FlushLedger;
  readonly #volatileCache: boolean;
  readonly #sharedCache: boolean;
  /** Each controller may lose what no flush has covered: only then there is anything to keep account of. */
  readonly #isLosable: boolean;
  /** What a flush part covers, by the part's index. */
  readonly #marks: Int32Array;
  /** Parts in the `own` lists of members. */
  #waiting = 0;
  /** A flush failed that tells of so many losses. */
  hasToTell = false;
  #losses = 0;

  constructor(host: FlushHost, options: MultipathOptions, parts: number) {
    this.#host = host;
    this.#ledger = options.ledger ?? new FlushLedger();
    this.#volatileCache = options.geometry.volatileCache;
    this.#sharedCache = options.sharedCache === true;
    this.#isLosable = this.#volatileCache && !this.#sharedCache;
    this.#marks = new Int32Array(parts);
  }

  /** The path is up, perhaps with a new controller: what the old one held is lost. */
  opened({ index, path }: Member): void {
    this.#ledger.began(index, path.epoch);
  }

  /** A part came back well: it is covered, or has to be. */
  succeeded(part: Part): void {
    if (part.op === op.flush) {
      // Its controller may be a new one of which nobody was told yet: it flushed nothing of what the one before holds.
      this.#ledger.began(part.pathIndex, part.epoch);
      this.#ledger.flushed(part.pathIndex, this.#marks[part.index]!, part.epoch);
    } else if (this.#isLosable && part.op !== op.read && (part.flags & requestFlag.fua) === 0) {
      this.#ledger.entered(part.pathIndex, part.epoch);
    }
  }

  /**
   * A flush part came back because of its path: the cache behind it is out of reach, and what it held uncovered is lost.
   * The flush says so at its end. False where another path does as well.
   */
  settleLost(part: Part): boolean {
    if (this.#sharedCache) return false;
    this.#ledger.settleLost(part.pathIndex);
    return true;
  }

  /**
   * A flush part was called back. Its controller lives and still holds what is to become durable, so it is sent there
   * again, a few times. False where another path does as well, or no more is to be tried.
   */
  sendAgain(part: Part, member: Member): boolean {
    if (this.#sharedCache || part.attempts >= mostAttempts) return false;
    this.#enqueue(part, member);
    return true;
  }

  /**
   * A flush part was answered with a request for patience. Only its own controller can make durable what it holds, so it is
   * sent there again, not before `at`. False where another path does as well.
   */
  postpone(part: Part, member: Member, at: number): boolean {
    if (this.#sharedCache) return false;
    part.startedAt = at;
    this.#enqueue(part, member);
    this.#host.wakeAt(at);
    return true;
  }

  /** The request of this job begins. */
  note(job: Job, operation: Op): void {
    if (!this.#isLosable || operation === op.read) return;
    job.losses = operation === op.flush ? this.#ledger.told : this.#ledger.losses;
  }

  /**
   * What a request that ended well is answered with. A flush fails if acknowledged writes were lost with a cache and no
   * flush had told of it when it began: every one that was under way has to, because whoever issued it hears of no other.
   */
  outcome(job: Job, operation: Op): Status {
    if (!this.#isLosable || operation === op.read) return status.ok;
    if (operation !== op.flush) {
      this.#ledger.acknowledged(job.losses);
      return status.ok;
    }
    const { losses } = this.#ledger;
    if (losses === job.losses) return status.ok;
    this.#losses = losses;
    this.hasToTell = true;
    return status.ioError;
  }

  /** For `later`, behind the failed flush: only now its issuer knows, and who begins another one has heard of it. */
  run(): void {
    this.hasToTell = false;
    this.#ledger.tell(this.#losses);
  }

  /** Makes the parts of a flush. */
  begin(job: Job): void {
    if (!this.#volatileCache) return;
    if (this.#sharedCache) {
      const part = this.#part(job);
      if (part !== null) this.#host.sendAnywhere(part);
      return;
    }
    for (const member of this.#host.paths.members) if (member !== undefined) this.#member(job, member);
  }

  #member(job: Job, member: Member): void {
    if (!this.#ledger.isDirty(member.index)) return;
    if (!member.path.open) {
      this.#ledger.settleLost(member.index);
      return;
    }
    const part = this.#part(job);
    if (part === null) return;
    part.pathIndex = member.index;
    this.#marks[part.index] = this.#ledger.mark(member.index);
    this.#enqueue(part, member);
  }

  /** It waits for this path and no other. */
  #enqueue(part: Part, member: Member): void {
    member.own.push(part);
    this.#waiting += 1;
  }

  #part(job: Job): Part | null {
    const part = this.#host.newPart(job);
    if (part === null) {
      // Not flushed is not durable: saying so is the only honest answer.
      job.status = status.busy;
      return null;
    }
    part.offset = 0;
    part.length = 0;
    part.buffer = 0;
    part.startedAt = 0;
    return part;
  }

  /** Sends what waits for its own path, and whose time has come. */
  pump(): void {
    if (this.#waiting === 0) return;
    const now = this.#host.clock.now();
    for (const member of this.#host.paths.members) if (member !== undefined) this.#pumpOne(member, now);
  }

  #pumpOne(member: Member, now: number): void {
    const { own, path } = member;
    for (let left = own.size; left > 0 && own.size > 0; left -= 1) {
      if (path.open && !path.hasRoom) return;
      const part = own.shift()!;
      if (path.open && part.startedAt > now) {
        own.push(part);
        this.#host.wakeAt(part.startedAt);
        continue;
      }
      this.#waiting -= 1;
      if (path.open) {
        this.#host.send(part, path, member.index);
      } else {
        this.#ledger.settleLost(member.index);
        this.#host.done(part);
      }
    }
  }
}

/**
 * One volume over many paths, on one reactor. A request becomes parts, each of which fits into one command of the path
 * it is given to; a part that fails because of its path is sent again over another one (retry.ts says when). The request
 * ends when all of it was issued and no part is undecided.
 */
import { assert } from '../base/assert.ts';
import { BoundedQueue } from '../base/bounded-queue.ts';
import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import { op, type Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { type NativePath, type Part, type PartOwner, verdict } from '../fabric/contract.ts';
import type { Io } from '../io/contract.ts';
import { Alarm } from './alarm.ts';
import { FastFail } from './fast-fail.ts';
import { Flusher } from './flusher.ts';
import { Job, PartList } from './job.ts';
import type { Member } from './member.ts';
import { Ghosts } from './ghosts.ts';
import { Hedger } from './hedger.ts';
import type { MultipathOptions } from './options.ts';
import { partLength } from './part-length.ts';
import { PartPool } from './part-pool.ts';
import { PathSet } from './path-set.ts';
import { PathWatch } from './path-watch.ts';
import type { Policy } from './policy.ts';
import { nobody } from './quarantine.ts';
import { Retries } from './retries.ts';
import { fate } from './retry.ts';
import { Stranded } from './stranded.ts';
import type { Access } from './state.ts';
import { deviceCounter, DeviceStatistics } from './statistics.ts';

/** Requests that one device can have under way on one reactor: 256 tags, and room for internal ones. */
const jobCount = 320;
/** Parts: enough that every job has one and large ones have several. */
const partCount = 1024;
/** Requests that may wait for a job slot. The callers' slots are the real bound. */
const lineCapacity = 4096;
/** How many parts of one request are under way at once; the rest follows as they come back. */
const partsAtOnce = 32;

export class MultipathDevice implements BlockDevice, PartOwner {
  geometry: Geometry;
  readonly identity: Identity;
  readonly paths: PathSet;
  readonly statistics: DeviceStatistics;
  readonly #io: Io;
  readonly #onOpened: MultipathOptions['onOpened'];
  readonly #ghosts: Ghosts;
  readonly #flusher: Flusher;
  readonly #jobs: Job[] = [];
  readonly #freeJobs: Job[] = [];
  readonly #parts = new PartPool(this, partCount);
  /** Requests that have no job yet. */
  readonly #line = new BoundedQueue<Request>(lineCapacity);
  /** Jobs that could not issue everything. */
  readonly #waiting = new BoundedQueue<Job>(jobCount);
  readonly #retries = new Retries();
  /** Those that are due. */
  readonly #again = this.#retries.now;
  /** Parts that end with an error because nobody waits for their fence. */
  readonly #givenUp = new PartList();
  readonly #alarm: Alarm;
  readonly #stranded: Stranded;
  readonly #fastFail: FastFail;
  readonly #watch: PathWatch;
  readonly #hedger: Hedger;
  /** How many were waiting when that was noted last. */
  #noted = 0;

  constructor(io: Io, options: MultipathOptions) {
    this.#io = io;
    this.#onOpened = options.onOpened;
    this.geometry = options.geometry;
    this.identity = options.identity;
    this.statistics = options.statistics ?? new DeviceStatistics();
    this.paths = new PathSet(io, options, this.statistics);
    this.#flusher = new Flusher(
      {
        paths: this.paths,
        clock: io.clock,
        wakeAt: (at) => this.#alarm.arm(at),
        newPart: (job) => (this.#parts.isEmpty ? null : this.#newPart(job, job.request!)),
        send: (part, path, index) => this.#send(part, path, index),
        sendAnywhere: (part) => this.#again.push(part),
        done: (part) => this.#decide(part, status.ok),
      },
      options,
      partCount,
    );
    for (let i = 0; i < jobCount; i += 1) this.#jobs.push(new Job(i));
    this.#freeJobs.push(...this.#jobs);
    const parts = this.#parts.all;
    this.#hedger = new Hedger(
      io,
      {
        paths: this.paths,
        copyOf: ({ ownerTag, request }) => (this.#parts.isEmpty ? null : this.#parts.take(ownerTag, request!)),
        send: (part, path, index) => this.#send(part, path, index),
        recycle: (part) => this.#parts.give(part),
        succeeded: (part) => {
          this.#decide(part, status.ok);
          this.#pump();
        },
      },
      options,
      parts,
      this.statistics,
    );
    this.#alarm = new Alarm(io, () => this.#onTimer());
    this.#ghosts = new Ghosts(io, options, parts, this.#jobs, this.statistics, this.#alarm);
    this.#watch = new PathWatch(io, options, parts, this.paths, this.statistics, this.#alarm);
    this.#fastFail = new FastFail(this.paths, this.#ghosts, options);
    this.#stranded = new Stranded(this.statistics, options.noPathRetry ?? -1);
  }

  // --- Paths and policy: control ----------------------------------------------------------------------------------

  /** At any time. It takes effect at once, on what waits and on what is under way too. */
  setPolicy(policy: Policy): void {
    this.paths.setPolicy(policy);
    this.#watch.setPolicy(policy);
    this.#hedger.options = policy;
    this.#ghosts.setMode(policy.ghostWrites, this.#again);
    this.#stranded.patience = policy.noPathRetry;
    this.#fastFail.setOptions(policy);
    if (this.#fastFail.isOn) this.#alarm.arm(this.#io.clock.now());
    this.#pump();
    this.#noteStranded();
    if (this.#stranded.isOver(this.#io.clock.now())) this.#failStranded();
  }

  /**
   * Adds a path. Its index names it in statistics and messages; all reactors agree on it. What waits may be sent over it
   * at once, so that what is known of it is said here.
   */
  addPath(index: number, path: NativePath, access: Access = 'optimized', disabled = false): Member {
    const member = this.paths.add(index, path);
    member.access = access;
    member.disabled = disabled;
    path.waiter = this;
    this.pathChanged(index);
    return member;
  }

  /**
   * The path with this index is another object now (the volume went and came back). Parts of the old one come back to
   * this device as before; what the administrator said stays.
   */
  replacePath(index: number, path: NativePath): void {
    const before = this.paths.member(index);
    assert(before.path.controller === path.controller, 'a path is replaced by one of another controller');
    this.paths.drop(index);
    const member = this.paths.add(index, path);
    path.waiter = this;
    member.inherit(before);
    this.pathChanged(index);
  }

  /** A path's facts changed (opened, closed, new epoch, read anew): derives its state and lets I/O flow. */
  pathChanged(index: number): void {
    const member = this.paths.member(index);
    if (member.path.open) {
      this.#flusher.opened(member);
      this.#onOpened?.(member);
    }
    member.paused = false;
    this.#watch.refresh(member);
    if (this.#fastFail.isOn) this.#alarm.arm(this.#io.clock.now());
    this.paths.rebuild();
    this.#pump();
  }

  /**
   * Commands under way on the path, and parts that must go over it: until there are none it can not be dropped. A part that
   * is held for a fence, or that waits to be sent again, is no longer bound to the path that had it.
   */
  load(index: number): number {
    return (this.paths.members[index]?.own.size ?? 0) + this.#parts.underWayOn(index);
  }

  /** There is no such path any more, and what its index stands for is told anew. */
  dropPath(index: number): void {
    assert(this.load(index) === 0, 'a path is dropped while something is under way on it');
    const { path } = this.paths.member(index);
    if (path.waiter === this) path.waiter = null;
    this.paths.drop(index);
    this.paths.setWeight(index, 1);
    this.#pump();
    this.#noteStranded();
  }

  setAccess(index: number, access: Access): void {
    this.paths.member(index).access = access;
    this.pathChanged(index);
  }

  /** The administrator takes a path out, or (back) into use, whatever it has to prove. */
  setDisabled(index: number, disabled: boolean): void {
    const member = this.paths.member(index);
    member.disabled = disabled;
    if (!disabled) member.comebacks.end();
    this.pathChanged(index);
  }

  setRemoved(index: number): void {
    this.paths.member(index).removed = true;
    this.pathChanged(index);
  }

  /** No command of that life of the controller can execute any more: what waited for that may go on. */
  fenced(controller: number, epoch: number): void {
    this.#ghosts.fenced(controller, epoch, this.#again);
    this.#pump();
  }

  /** Ends everything that waits for a path or for a fence with an error. What is on its way comes back by itself. */
  failQueued(): void {
    this.#ghosts.giveUpHeld(this.#givenUp);
    this.#failGivenUp();
    this.#failGated(status.timedOut);
    for (let part = this.#retries.takePostponed(); part !== null; part = this.#retries.takePostponed())
      this.#decide(part, part.status);
    this.#failStranded();
  }

  /** Requests or parts that wait for a path, room or a fence. */
  get stuck(): number {
    const lined = this.#line.size + this.#waiting.size + this.#again.size;
    return lined + this.#ghosts.waiting + this.statistics.get(deviceCounter.held);
  }

  get busy(): boolean {
    return this.#freeJobs.length < jobCount || this.#line.size > 0;
  }

  close(): Promise<void> {
    assert(!this.busy, 'a multipath device is closed while requests are under way');
    this.#alarm.disarm();
    this.#hedger.close();
    // The paths may live on with other volumes' controllers.
    for (const member of this.paths.members) if (member?.path.waiter === this) member.path.waiter = null;
    return Promise.resolve();
  }

  // --- Requests: the data path ------------------------------------------------------------------------------------

  submit(request: Request): void {
    const job = this.#freeJobs.pop();
    if (job !== undefined) this.#begin(job, request);
    else if (!this.#line.push(request)) request.finish(status.busy);
  }

  #begin(job: Job, request: Request): void {
    job.request = request;
    job.issued = 0;
    job.outstanding = 0;
    job.status = status.ok;
    job.owner = nobody;
    this.#flusher.note(job, request.op);
    if (request.op === op.flush) this.#flush(job, request);
    else this.#advance(job);
  }

  #flush(job: Job, request: Request): void {
    // Our own hold, so that the job does not end while its parts are being made.
    job.outstanding = 1;
    this.#flusher.begin(job);
    job.outstanding -= 1;
    if (job.outstanding === 0) this.#end(job, request);
    else this.#pump();
  }

  /** Goes on with a job: issues what there is to issue, waits if it must, ends it when nothing is left. */
  #advance(job: Job): void {
    const request = job.request!;
    // Who stands in the line is served in its order, by `#pump`.
    if (job.waiting) return;
    if (!this.#issue(job, request)) {
      job.waiting = true;
      assert(this.#waiting.push(job), 'more jobs wait than there are');
      this.#noteStranded();
      return;
    }
    if (job.outstanding === 0) this.#end(job, request);
  }

  /** Sends as much of the job as is possible. False when it has to wait for a path, room or a part. */
  #issue(job: Job, request: Request): boolean {
    while (job.issued < request.length && job.status === status.ok) {
      // The rest follows when a part comes back; that is no waiting.
      if (job.outstanding >= partsAtOnce) return true;
      if (this.#parts.isEmpty) return false;
      const index = this.paths.choose(request.length - job.issued);
      if (index === -1) return false;
      const path = this.paths.member(index).path;
      const part = this.#newPart(job, request);
      part.offset = request.offset + job.issued;
      part.buffer = request.buffer + job.issued;
      part.length = partLength(path, request.op, part.offset, request.length - job.issued);
      job.issued += part.length;
      this.#send(part, path, index);
    }
    return true;
  }

  #newPart(job: Job, request: Request): Part {
    job.outstanding += 1;
    return this.#parts.take(job.index, request);
  }

  #send(part: Part, path: NativePath, index: number): void {
    if (!this.#ghosts.passes(part)) return;
    part.pathIndex = index;
    part.startedAt = this.#io.clock.now();
    path.submit(part);
    part.underWay = true;
    this.#watch.sent(index, part.startedAt, path.inFlight);
    if (part.op !== op.read) return;
    const look = this.#hedger.sent(part);
    if (look !== 0) this.#alarm.arm(look);
  }

  /** A part came back. */
  onPart(part: Part): void {
    const member = this.paths.member(part.pathIndex);
    const took = this.#io.clock.now() - part.startedAt;
    part.underWay = false;
    this.statistics.countPart(part, member.base, took, member.path.inFlight);
    this.paths.answered(part, took);
    member.ended = (member.ended + 1) | 0;
    if (part.op === op.read && !this.#hedger.returned(part)) {
      this.#pump();
      return;
    }
    if (part.verdict !== verdict.ok) {
      this.#failed(part, member);
    } else {
      this.#ghosts.ended(part);
      this.#flusher.succeeded(part);
      this.#decide(part, status.ok);
    }
    this.#ghosts.lookAgain(this.#again);
    this.#pump();
  }

  /** Nothing is written to the part's buffer any more, which its hedge waits for. */
  onDetached(part: Part): void {
    this.#hedger.onDetached(part);
  }

  /** A path that had no room has some now. */
  onRoom(path: NativePath): void {
    this.paths.hasRoomAgain(path);
    this.#pump();
  }

  #failed(part: Part, member: Member): void {
    const { statistics } = this;
    const pathFault = (part.verdict & verdict.pathFault) !== 0;
    // A lost path says nothing about the command, and neither does one that was called back; an answer does.
    const lives = member.path.open && member.path.epoch === part.epoch;
    const calledBack = (part.verdict & verdict.calledBack) !== 0;
    if (lives && calledBack) this.#watch.avoid(member);
    else if (lives && pathFault) this.#watch.pause(member);
    if (part.op === op.flush && pathFault) {
      if (lives && calledBack && this.#flusher.sendAgain(part, member)) return;
      if (this.#flusher.settleLost(part)) {
        this.#decide(part, status.ok);
        return;
      }
    }
    if (lives && !calledBack) part.refusals += 1;
    const next = this.#ghosts.fateOf(part);
    if (next === fate.up) return this.#decide(part, part.status === status.ok ? status.ioError : part.status);
    statistics.countRetry(member.base);
    const at = this.#io.clock.now() + (next === fate.later ? Math.max(part.retryDelay, 1) : 0);
    if (part.op === op.flush && this.#flusher.postpone(part, member, at)) return;
    if (next === fate.hold) this.#ghosts.hold(part);
    else if (next === fate.again) this.#again.push(part);
    else {
      this.#retries.postpone(part, at);
      this.#alarm.arm(at);
    }
  }

  /** The part's outcome is final: it goes back to the pool, and its request ends with its last part. */
  #decide(part: Part, outcome: Status): void {
    const job = this.#jobs[part.ownerTag]!;
    this.#parts.give(part);
    job.outstanding -= 1;
    if (outcome !== status.ok && job.status === status.ok) job.status = outcome;
    this.#advance(job);
  }

  #end(job: Job, request: Request): void {
    if (job.status === status.ok) job.status = this.#flusher.outcome(job, request.op);
    this.statistics.countRequest(request, job.status, this.#io.clock.now() - request.startedAt);
    job.request = null;
    const next = this.#line.shift();
    if (next === null) this.#freeJobs.push(job);
    request.finish(job.status);
    if (this.#flusher.hasToTell) this.#io.later(this.#flusher);
    if (next !== null) this.#begin(job, next);
  }

  /** Sends what waits, as far as paths and parts allow: parts bound to a path, then retries, then new work in order. */
  #pump(): void {
    this.#flusher.pump();
    while (this.#again.size > 0) {
      const index = this.paths.choose(this.#again.first!.length);
      if (index === -1) break;
      if (!this.#sendAgain(index)) break;
    }
    // Every job is looked at once at most: one that still can not issue everything ends the round.
    for (let job = this.#waiting.peek(); job !== null; job = this.#waiting.peek()) {
      const request = job.request!;
      if (!this.#issue(job, request)) break;
      this.#waiting.shift();
      job.waiting = false;
      if (job.outstanding === 0) this.#end(job, request);
    }
    if (this.#noted + this.#ghosts.waiting + this.#again.size > 0) this.#noteStranded();
  }

  #sendAgain(index: number): boolean {
    const part = this.#again.first!;
    const path = this.paths.member(index).path;
    if (part.length > 0) {
      const fits = partLength(path, part.op, part.offset, part.length);
      if (fits < part.length) {
        // This path takes less at once than the one before: the rest becomes a part of its own.
        if (this.#parts.isEmpty) return false;
        const rest = this.#newPart(this.#jobs[part.ownerTag]!, part.request!);
        rest.offset = part.offset + fits;
        rest.buffer = part.buffer + fits;
        rest.length = part.length - fits;
        rest.attempts = part.attempts;
        rest.refusals = part.refusals;
        part.length = fits;
        this.#again.push(rest);
      }
    }
    this.#again.shift();
    this.#send(part, path, index);
    return true;
  }

  /** Notes whether something waits without any path, and sees to it that this does not last longer than it may. */
  #noteStranded(): void {
    const waiting = this.#waiting.size + this.#again.size;
    this.#noted = waiting + this.#ghosts.waiting;
    this.statistics.set(deviceCounter.waiting, waiting + this.#line.size);
    const until = this.#stranded.note(this.#noted > 0 && !this.paths.alive, this.#io.clock.now());
    if (until !== Number.POSITIVE_INFINITY) this.#alarm.arm(until);
  }

  #failGivenUp(): void {
    for (let part = this.#givenUp.shift(); part !== null; part = this.#givenUp.shift())
      this.#decide(part, status.timedOut);
  }

  #failGated(outcome: Status): void {
    for (let part = this.#ghosts.takeOut(); part !== null; part = this.#ghosts.takeOut()) this.#decide(part, outcome);
  }

  #failStranded(): void {
    for (let part = this.#again.shift(); part !== null; part = this.#again.shift()) {
      this.statistics.endGated(part, this.#io.clock.now());
      this.#decide(part, status.transport);
    }
    this.#failGated(status.transport);
    for (let left = this.#waiting.size; left > 0; left -= 1) {
      const job = this.#waiting.shift()!;
      job.waiting = false;
      if (job.status === status.ok) job.status = status.transport;
      this.#advance(job);
    }
    this.#noteStranded();
  }

  #onTimer(): void {
    const now = this.#io.clock.now();
    this.#ghosts.lookAgain(this.#again);
    const next = Math.min(
      this.#watch.look(now),
      this.#hedger.look(now),
      this.#retries.takeDue(now),
      this.#fastFail.look(now, this.#givenUp),
    );
    this.#failGivenUp();
    this.#pump();
    this.#noteStranded();
    if (this.#stranded.isOver(now)) this.#failStranded();
    if (next !== Number.POSITIVE_INFINITY) this.#alarm.arm(next);
  }
}

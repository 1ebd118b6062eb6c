/** The real body of the I/O contract: one io_uring, one stretch of memory, one thread. */
import { randomBytes, randomInt } from 'node:crypto';
import { CausewayError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import { closeDescriptor, makeDoorbell, readDescriptor } from '../../native/descriptors.ts';
import { systemError } from '../../native/libc.ts';
import { encodeAddress, makeSocket, tuneSocket } from '../../native/sockets.ts';
import { cqeMore, opcode, pollIn, pollMulti } from '../../uring/abi.ts';
import { Ring } from '../../uring/ring.ts';
import { BatchQueue } from '../batch.ts';
import type {
  Address,
  Clock,
  Deferred,
  File,
  FileOptions,
  FileOwner,
  Flushable,
  Io,
  Listener,
  ListenerOwner,
  Socket,
  SocketOptions,
  SocketOwner,
  Store,
  Task,
  Timer,
} from '../contract.ts';
import { LoopDeferred } from '../deferred.ts';
import { Sleeps } from '../sleeps.ts';
import { TimerSet } from '../timers.ts';
import { UringFile } from './file.ts';
import { type CompletionHandler, HandlerTable } from './handlers.ts';
import { UringListener } from './listener.ts';
import { defaultMemoryBytes, UringMemory } from './memory.ts';
import { type SocketHome, UringSocket } from './socket.ts';
import { knownStores, type StorePlace, storePlace, UringStore } from './store.ts';

export interface UringIoOptions {
  /** Address space of this reactor's memory; pages are taken when touched. */
  readonly memoryBytes?: number;
  /** Submissions that fit into one batch. */
  readonly entries?: number;
  /** Submissions of 128 bytes: FUSE over io_uring and the ublk control device need them. */
  readonly wide?: boolean;
  /** After work was done the loop looks for more during this time before it sleeps. Costs CPU, saves wake-ups. */
  readonly spinMicroseconds?: number;
  /** Stores that other threads of the process made, by name. */
  readonly stores?: Readonly<Record<string, StorePlace>>;
}

/** The longest sleep: whatever is missed is found after this time. */
export const longestWait = 100;
/** A loop that stood still for longer was stalled itself: it judges nobody by that time. Milliseconds. */
export const slipLimit = 250;

const defaultEntries = 1024;

export class UringIo implements Io, SocketHome, Clock, CompletionHandler {
  readonly memory: UringMemory;
  readonly ring: Ring;
  readonly handlers = new HandlerTable();
  readonly random = new Random(randomInt(2 ** 47));
  readonly clock: Clock = this;
  slip = 0;
  /** Something for the JavaScript event loop is due: a promise was settled or the doorbell rang. */
  controlDue = false;
  /** Ring it (with `ringDoorbell`) to make a sleeping loop look at its messages. Any thread may. */
  readonly doorbell: number;
  readonly #timers: TimerSet;
  readonly #sleeps: Sleeps;
  readonly #batch = new BatchQueue();
  readonly #spin: number;
  readonly #doorbellHandle: number;
  readonly #doorbellBytes = new Uint8Array(8);
  #now: number;
  #awakeUntil = 0;

  /** @throws CausewayError `io-uring-unavailable`, `out-of-memory` */
  constructor(options: UringIoOptions = {}) {
    this.ring = new Ring({ entries: options.entries ?? defaultEntries, wide: options.wide === true });
    this.memory = new UringMemory(options.memoryBytes ?? defaultMemoryBytes);
    this.#spin = (options.spinMicroseconds ?? 0) / 1000;
    for (const [name, place] of Object.entries(options.stores ?? {})) knownStores.set(name, place);
    this.#now = performance.now();
    this.#timers = new TimerSet(this);
    this.#sleeps = new Sleeps(this.#timers, this.#onControl);
    this.doorbell = makeDoorbell();
    this.#doorbellHandle = this.handlers.add(this);
    this.#armDoorbell();
  }

  #armDoorbell(): void {
    this.ring.push(opcode.pollAdd, this.doorbell, 0, pollMulti, 0, pollIn, 0, this.#doorbellHandle);
  }

  /** The doorbell rang. */
  onCompletion(_token: number, _res: number, flags: number): void {
    readDescriptor(this.doorbell, this.#doorbellBytes);
    this.controlDue = true;
    if ((flags & cqeMore) === 0) this.#armDoorbell();
  }

  now(): number {
    return this.#now;
  }

  /**
   * One batch: hands over what is to be submitted, waits at most `longestWait`, reaps, calls back. Completions are
   * reaped before timers run, so that after a stall an answer that did arrive is not taken for one that did not.
   */
  turn(): void {
    this.#batch.run();
    const before = performance.now();
    // Judged from the last look at the clock to this one: all the time in which nobody reaped.
    const busy = before - this.#now;
    let wait = 0;
    if (!this.#batch.pending && !this.controlDue && before >= this.#awakeUntil) {
      const due = this.#timers.nextDue();
      wait = Math.max(0, Math.min(longestWait, due - before));
    }
    this.ring.enter(wait);
    const after = performance.now();
    this.#now = after;
    const overslept = after - before - wait;
    this.slip = busy > slipLimit ? busy : overslept > slipLimit ? overslept : 0;
    const reaped = this.ring.reap(this.handlers);
    if (reaped > 0 && this.#spin > 0) this.#awakeUntil = after + this.#spin;
    this.#timers.runDue(after);
    this.#batch.run();
  }

  secretBytes(count: number): Uint8Array {
    return randomBytes(count);
  }

  later(task: Task): void {
    this.#batch.later(task);
  }

  atEndOfBatch(work: Flushable): void {
    this.#batch.atEndOfBatch(work);
  }

  timer(fire: () => void): Timer {
    return this.#timers.make(fire);
  }

  connect(to: Address, owner: SocketOwner, options: SocketOptions = {}): Socket {
    const encoded = encodeAddress(to);
    if (encoded === null) {
      throw new CausewayError('address-not-available', `${to.host} port ${to.port} is not a numeric address`);
    }
    const fd = makeSocket(encoded);
    if (fd < 0) throw systemError('out-of-memory', `cannot make a socket for ${to.host}:${to.port}`, -fd);
    tuneSocket(fd, options);
    const socket = new UringSocket(this, fd);
    socket.owner = owner;
    socket.connect(encoded);
    return socket;
  }

  /**
   * Drives a connected UNIX stream socket, which belongs to this body from now on and is closed by it. No options: it has
   * none of TCP's. Unlike with TCP, the peer still receives what was sent before an `abort`.
   */
  adopt(fd: number, owner: SocketOwner): Socket {
    const socket = new UringSocket(this, fd, 'unix');
    socket.owner = owner;
    return socket;
  }

  listen(on: Address, owner: ListenerOwner, options: SocketOptions = {}): Promise<Listener> {
    return new Promise((resolve) => resolve(new UringListener(this, on, owner, options)));
  }

  openFile(path: string, owner: FileOwner, options: FileOptions = {}): Promise<File> {
    return new Promise((resolve) => resolve(new UringFile(this, path, owner, options)));
  }

  openStore(name: string, sizeBytes: number): Store {
    return new UringStore(this.memory, storePlace(name, sizeBytes));
  }

  deferred<T>(): Deferred<T> {
    return new LoopDeferred<T>(this.#onControl);
  }

  readonly #onControl = (): void => {
    this.controlDue = true;
  };

  sleep(milliseconds: number): Promise<void> {
    return this.#sleeps.sleep(milliseconds);
  }

  /** Closes the ring; nothing may be under way. The memory stays mapped: views of it may still be held. */
  close(): void {
    this.ring.close();
    closeDescriptor(this.doorbell);
  }
}

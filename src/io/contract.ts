/**
 * The contract that all I/O code is written against. It has two bodies: `io/uring` (the real one) and `io/sim`
 * (one thread, virtual time, one seed). Nothing above this room can tell which of them it runs on.
 *
 * How a body runs, and what it promises:
 *
 * 1. Everything happens on one thread. A *batch* is: reap all completions there are; call their owners; run the tasks
 *    given to `later` in order until none is left (tasks may add tasks); then `flush` everything given to
 *    `atEndOfBatch`; then hand what was submitted to the kernel in one go and wait.
 * 2. An owner is never called from inside a submission. `receive`, `send`, `read`, … only note what is to be done;
 *    a failure to start it arrives as a completion like any other.
 * 3. A place in memory that was given to an operation belongs to that operation until its owner has been told of its
 *    completion, or, for a socket that was aborted, until `onClosed`. Whoever frees or reuses it earlier corrupts data.
 * 4. Results are numbers: zero or more is success, a negative one is `-errno`.
 * 5. Nothing in here allocates per operation, save what is marked "control": those make promises and are for set-up,
 *    tear-down and other rare work.
 */
import type { Random } from '../base/random.ts';

/** A piece of work that runs later in the same batch. Long-lived objects implement it; none is made per I/O. */
export interface Task {
  run(): void;
}

/** Something that gathers work during a batch and hands it over once, at the end of the batch. */
export interface Flushable {
  flush(): void;
}

/**
 * The one stretch of memory that operations of this reactor refer to. A place in it is a byte offset from its start,
 * always below 2^31, so that it stays a small integer in the JavaScript engine.
 */
export interface Memory {
  readonly size: number;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly view: DataView;
  /** Takes `bytes` of memory, zeroed. Start-up and attach only. @throws CausewayError `out-of-memory` */
  allocate(bytes: number, alignment?: number): number;
  /** Gives back what `allocate` returned. */
  free(place: number): void;
  /** Copies within this memory (ranges may overlap). */
  copy(to: number, from: number, length: number): void;
  fill(to: number, byte: number, length: number): void;
}

/** Monotonic time in milliseconds, with fraction. Read once a batch, so it is cheap and constant within a callback. */
export interface Clock {
  now(): number;
}

/** One alarm, made at start-up and armed again and again. Arming an armed timer moves it. */
export interface Timer {
  readonly armed: boolean;
  arm(milliseconds: number): void;
  disarm(): void;
}

/** Where a socket tells what happened. */
export interface SocketOwner {
  /** The connection stands (0), or could not be made (-errno; `onClosed` follows after `abort`). */
  onConnected(result: number): void;
  /** Bytes received (> 0), the peer ended its side (0), or -errno. */
  onReceived(result: number): void;
  /** All bytes of the send were handed to the kernel (their number), or -errno. Never fewer without an error. */
  onSent(result: number): void;
  /** After `abort` or `close`: no operation refers to any buffer any more, the descriptor is closed. Called once. */
  onClosed(): void;
}

export interface Address {
  /** Numeric IPv4 or IPv6 address: names are resolved before they come here. */
  readonly host: string;
  readonly port: number;
}

export interface SocketOptions {
  /** TCP_USER_TIMEOUT in milliseconds: how long sent data may stay unacknowledged. 0 = the kernel's default. */
  readonly userTimeout?: number;
  /** Send and receive buffer sizes; the kernel's default when left out. */
  readonly bufferBytes?: number;
}

/**
 * A TCP connection: at most one receive and one send at a time. Every one has SO_LINGER{on,0} from the start on, so that
 * even the death of the process discards what is queued instead of sending it on: a late write would be a ghost
 * of our own making.
 */
export interface Socket {
  readonly receiving: boolean;
  readonly sending: boolean;
  /** Receives 1 to `length` bytes to `place`. With `all`, exactly `length` unless the connection ends first. */
  receive(place: number, length: number, all?: boolean): void;
  /**
   * Ends the receive under way early: `onReceived` comes soon, with the bytes that had arrived by then, or with -ECANCELED
   * if none had. The stream goes on behind those bytes. Harmless when nothing is being received.
   */
  interruptReceive(): void;
  /**
   * Sends the first `count` segments of `places` / `lengths`, in order, wholly. The two arrays may be reused when this
   * returns, the memory they name only after `onSent`. At most `maxSegments`.
   */
  send(places: Int32Array, lengths: Int32Array, count: number): void;
  /**
   * Ends the connection at once: RST, what is queued is discarded, operations under way are cancelled and awaited.
   * No callback but `onClosed` comes after this call. Harmless when repeated.
   */
  abort(): void;
  /** Orderly end. Only when nothing is being sent; what the peer still sends is dropped. Then as `abort`. */
  close(): void;
}

/** The most segments one `send` takes. */
export const maxSegments = 256;

export interface ListenerOwner {
  /** A peer came in. The owner answers with who shall own the connection, or null to refuse it (RST). */
  onAccepted(socket: Socket, peer: Address): SocketOwner | null;
  /** Accepting failed for good (-errno); the listener is closed. */
  onListenerFailed(result: number): void;
}

export interface Listener {
  readonly address: Address;
  /** Control. Stops listening; resolves when the port is free. Accepted connections live on. */
  close(): Promise<void>;
}

/** Where a file tells what happened; `token` is what the caller gave, 0 to 2^24 - 1. */
export interface FileOwner {
  onFile(token: number, result: number): void;
}

export interface File {
  readonly sizeBytes: number;
  /** Control. Closes the file; nothing may be under way. */
  close(): Promise<void>;
  read(token: number, place: number, length: number, position: number): void;
  write(token: number, place: number, length: number, position: number): void;
  /** Makes all completed writes durable (fdatasync). */
  sync(token: number): void;
  /** The range reads as zeroes afterwards; `punch` also gives its space back. */
  zero(token: number, position: number, length: number, punch: boolean): void;
}

export interface FileOptions {
  readonly readOnly?: boolean;
  /** Makes the file, sparse, with this size if it does not exist. */
  readonly createBytes?: number;
  /** Bypass the page cache (O_DIRECT). */
  readonly direct?: boolean;
}

/**
 * Bytes kept in memory outside `Memory`, as large as the address space allows, sparse: what a memory volume stands on.
 * Calls are synchronous copies. Stores are shared between reactors of one process by name.
 */
export interface Store {
  readonly sizeBytes: number;
  read(place: number, position: number, length: number): void;
  write(place: number, position: number, length: number): void;
  /** The range reads as zeroes afterwards and whole pages of it are given back. */
  zero(position: number, length: number): void;
  /** Bytes that really take memory now. Control: it may look at every page. */
  allocatedBytes(): number;
}

/** A promise with its ends outside, made by `Io.deferred` so that the loop knows when promises are due. Control. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly settled: boolean;
  resolve(value: T): void;
  reject(error: Error): void;
}

export interface Io {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly random: Random;
  /** Control. `count` new bytes that nobody can foretell, for keys and challenges; of the simulator, from its seed. */
  secretBytes(count: number): Uint8Array;
  /**
   * How long this loop itself lately stood still (milliseconds, 0 when it did not): garbage collector, SIGSTOP, the
   * machine paused. Deadlines that passed meanwhile are our fault, not a path's.
   */
  readonly slip: number;

  /** Runs `task` later in this batch, after the owners of all reaped completions were called. */
  later(task: Task): void;
  /** Flushes `work` once at the end of this batch. The caller makes sure to add it only once a batch. */
  atEndOfBatch(work: Flushable): void;
  timer(fire: () => void): Timer;

  connect(to: Address, owner: SocketOwner, options?: SocketOptions): Socket;
  /** Control. @throws CausewayError `address-in-use`, `address-not-available` */
  listen(on: Address, owner: ListenerOwner, options?: SocketOptions): Promise<Listener>;
  /** Control. @throws CausewayError `file-open` */
  openFile(path: string, owner: FileOwner, options?: FileOptions): Promise<File>;
  /** Control. The store of this name, made with this size if it does not exist. */
  openStore(name: string, sizeBytes: number): Store;

  /** Control. A promise whose settling makes the loop go back to the JavaScript event loop. */
  deferred<T>(): Deferred<T>;
  /** Control. */
  sleep(milliseconds: number): Promise<void>;
}

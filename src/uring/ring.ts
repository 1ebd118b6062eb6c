/**
 * One io_uring: set up, mapped, filled and emptied through typed arrays. It belongs to the thread that made it.
 *
 * The head and tail words are shared with the kernel, which reads and writes them with acquire and release order;
 * Atomics (sequentially consistent) is at least as strong.
 */
import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { closeDescriptor } from '../native/descriptors.ts';
import { errno } from '../native/errno.ts';
import { systemError, viewOf } from '../native/libc.ts';
import { mapAnonymous, mapShared, pageBytes, unmap } from '../native/mapping.ts';
import { uringEnter, uringSetup } from '../native/uring-calls.ts';
import {
  cqe,
  cqeWords,
  enterFlag,
  feature,
  getEventsArgBytes,
  offRings,
  offSqes,
  params,
  paramsBytes,
  setupFlag,
  sqe,
} from './abi.ts';
import { explainRefusal } from './probe.ts';

export interface RingOptions {
  /** Submissions that fit into one batch; a power of two. */
  readonly entries: number;
  /** Entries of 128 bytes, for commands with a long payload. */
  readonly wide?: boolean;
}

/** Who is called for each completion: the 64 bits of user data as two words. */
export interface CompletionSink {
  onCompletion(userLow: number, userHigh: number, res: number, flags: number): void;
}

const completionsPerSubmission = 4;

/** The ways to set a ring up, best first; older kernels refuse the flags they do not know with EINVAL. */
const setupAttempts: readonly number[] = [
  setupFlag.singleIssuer | setupFlag.deferTaskrun | setupFlag.submitAll,
  setupFlag.coopTaskrun | setupFlag.submitAll,
  setupFlag.submitAll,
];

export class Ring {
  readonly fd: number;
  readonly setupFlags: number;
  readonly features: number;
  readonly #entries: number;
  readonly #sqMask: number;
  readonly #cqMask: number;
  readonly #stride: number;
  readonly #words: Int32Array;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqes: number;
  readonly #sqes: Uint32Array;
  readonly #wait: DataView;
  readonly #waitAddress: number;
  readonly #mappings: readonly (readonly [number, number])[];
  /** Our own copy of the tail; the kernel sees it at `enter`. */
  #tail = 0;
  #closed = false;
  /** How often the kernel was entered. */
  enters = 0;

  /** @throws CausewayError `io-uring-unavailable` */
  constructor(options: RingOptions) {
    const { fd, flags, view } = setUp(options);
    this.fd = fd;
    this.setupFlags = flags;
    this.features = view.getUint32(params.features, true);
    const needed = feature.singleMmap | feature.noDrop | feature.submitStable | feature.extArg;
    if ((this.features & needed) !== needed) {
      closeDescriptor(fd);
      throw new CausewayError('io-uring-unavailable', 'this kernel has an io_uring that is too old', {
        hint: 'Use Linux 5.11 or later; 6.1 or later is recommended.',
      });
    }
    const word = (at: number): number => view.getUint32(at, true);
    this.#entries = word(params.sqEntries);
    const cqEntries = word(params.cqEntries);
    const ringBytes = Math.max(
      word(params.sqArray) + this.#entries * 4,
      word(params.cqCqes) + cqEntries * cqeWords * 4,
    );
    this.#stride = options.wide === true ? 32 : 16;
    const sqeBytes = this.#entries * this.#stride * 4;
    const rings = mapShared('an io_uring', ringBytes, fd, offRings);
    const sqes = mapShared('an io_uring', sqeBytes, fd, offSqes);
    this.#waitAddress = mapAnonymous('an io_uring', pageBytes);
    this.#mappings = [
      [rings, ringBytes],
      [sqes, sqeBytes],
      [this.#waitAddress, pageBytes],
    ];
    this.#words = new Int32Array(viewOf(rings, ringBytes & ~3));
    this.#sqes = new Uint32Array(viewOf(sqes, sqeBytes));
    this.#wait = new DataView(viewOf(this.#waitAddress, pageBytes));
    this.#sqHead = word(params.sqHead) >> 2;
    this.#sqTail = word(params.sqTail) >> 2;
    this.#cqHead = word(params.cqHead) >> 2;
    this.#cqTail = word(params.cqTail) >> 2;
    this.#cqes = word(params.cqCqes) >> 2;
    this.#sqMask = this.#entries - 1;
    this.#cqMask = cqEntries - 1;
    // Slot i of the indirection array always names entry i, so it is written once.
    const array = word(params.sqArray) >> 2;
    for (let i = 0; i < this.#entries; i += 1) this.#words[array + i] = i;
    // io_uring_getevents_arg at 0, its timespec right behind it.
    this.#setU64(16, this.#waitAddress + getEventsArgBytes);
  }

  #setU64(at: number, value: number): void {
    this.#wait.setUint32(at, value >>> 0, true);
    this.#wait.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }

  /** Submissions written but not yet taken by the kernel. */
  get unsubmitted(): number {
    return (this.#tail - Atomics.load(this.#words, this.#sqHead)) | 0;
  }

  /**
   * Writes one submission. Never fails: when the queue is full, what stands in it is handed over first.
   * `offset` and `address` are below 2^53. Returns the word index of the entry in `entries`, for fields that only some
   * operations have; it is zeroed beyond the ones given here.
   */
  push(
    operation: number,
    fd: number,
    address: number,
    length: number,
    offset: number,
    opFlags: number,
    userLow: number,
    userHigh: number,
  ): number {
    if (this.unsubmitted >= this.#entries) this.#makeRoom();
    const at = (this.#tail & this.#sqMask) * this.#stride;
    const words = this.#sqes;
    words[at] = operation;
    words[at + sqe.fd] = fd;
    words[at + sqe.off] = offset >>> 0;
    words[at + sqe.off + 1] = (offset / 0x1_0000_0000) | 0;
    words[at + sqe.addr] = address >>> 0;
    words[at + sqe.addr + 1] = (address / 0x1_0000_0000) | 0;
    words[at + sqe.len] = length;
    words[at + sqe.opFlags] = opFlags;
    words[at + sqe.userLow] = userLow;
    words[at + sqe.userHigh] = userHigh;
    words[at + sqe.bufIndex] = 0;
    words[at + sqe.fileIndex] = 0;
    words[at + sqe.cmd] = 0;
    words[at + sqe.cmd + 1] = 0;
    words[at + sqe.cmd + 2] = 0;
    words[at + sqe.cmd + 3] = 0;
    this.#tail = (this.#tail + 1) | 0;
    return at;
  }

  /** The submission entries as words, for `push`'s callers. */
  get entries(): Uint32Array {
    return this.#sqes;
  }

  #makeRoom(): void {
    // Without GETEVENTS: this runs inside callbacks, where no completion may be produced for anyone to see.
    for (let tries = 0; tries < 1000; tries += 1) {
      this.#publish();
      const taken = uringEnter(this.fd, this.unsubmitted, 0, 0, 0, 0);
      this.enters += 1;
      if (this.unsubmitted < this.#entries) return;
      assert(
        taken >= 0 || taken === -errno.EINTR || taken === -errno.EAGAIN || taken === -errno.EBUSY,
        'io_uring_enter',
      );
    }
    throw new CausewayError('assertion', 'the kernel takes no submissions');
  }

  #publish(): void {
    Atomics.store(this.#words, this.#sqTail, this.#tail);
  }

  /** Completions that can be reaped without entering the kernel. */
  get ready(): number {
    return (Atomics.load(this.#words, this.#cqTail) - Atomics.load(this.#words, this.#cqHead)) | 0;
  }

  /**
   * Hands over all submissions and lets the kernel produce completions; waits until there is one or `milliseconds`
   * (0: does not wait) have passed.
   */
  enter(milliseconds: number): void {
    this.#publish();
    const submit = this.unsubmitted;
    this.enters += 1;
    let result: number;
    if (milliseconds > 0 && this.ready === 0) {
      const nanoseconds = Math.min(Math.ceil(milliseconds * 1e6), 999_999_999);
      this.#wait.setUint32(getEventsArgBytes, 0, true);
      this.#wait.setUint32(getEventsArgBytes + 8, nanoseconds, true);
      result = uringEnter(
        this.fd,
        submit,
        1,
        enterFlag.getEvents | enterFlag.extArg,
        this.#waitAddress,
        getEventsArgBytes,
      );
    } else {
      result = uringEnter(this.fd, submit, 0, enterFlag.getEvents, 0, 0);
    }
    if (result >= 0) return;
    switch (-result) {
      case errno.ETIME: // the wait is over
      case errno.EINTR: // a signal came; whoever cares was told by other means
      case errno.EAGAIN: // no memory for a submission now: it stays queued and is taken at the next enter
      case errno.EBUSY: // completions overflowed: reap, then enter again
        return;
      default:
        throw systemError('assertion', 'io_uring_enter', -result);
    }
  }

  /**
   * Calls `sink` for every completion that was there when it was called; returns their number. The entries are given
   * back to the kernel afterwards, so that a callback that submits can not overwrite one that is still to be read.
   */
  reap(sink: CompletionSink): number {
    const words = this.#words;
    const head = Atomics.load(words, this.#cqHead);
    const tail = Atomics.load(words, this.#cqTail);
    const count = (tail - head) | 0;
    for (let i = 0; i < count; i += 1) {
      const at = this.#cqes + ((head + i) & this.#cqMask) * cqeWords;
      sink.onCompletion(
        words[at + cqe.userLow]!,
        words[at + cqe.userHigh]!,
        words[at + cqe.res]!,
        words[at + cqe.flags]!,
      );
    }
    if (count > 0) Atomics.store(words, this.#cqHead, tail);
    return count;
  }

  /** Closes the ring; the kernel cancels what is still under way, so nothing may refer to memory any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.fd);
    for (const [address, length] of this.#mappings) unmap(address, length);
  }
}

function setUp(options: RingOptions): { fd: number; flags: number; view: DataView } {
  const bytes = new Uint8Array(paramsBytes);
  const view = new DataView(bytes.buffer);
  let refused = 0;
  for (const attempt of setupAttempts) {
    const flags = attempt | setupFlag.cqSize | setupFlag.clamp | (options.wide === true ? setupFlag.sqe128 : 0);
    bytes.fill(0);
    view.setUint32(params.flags, flags, true);
    view.setUint32(params.cqEntries, options.entries * completionsPerSubmission, true);
    const fd = uringSetup(options.entries, bytes);
    if (fd >= 0) return { fd, flags, view };
    refused = -fd;
    if (refused !== errno.EINVAL) break;
  }
  throw explainRefusal(refused);
}

/**
 * One I/O queue of a controller, on one reactor: parts come in through the native paths that lead over it, become
 * commands, and go back decided. The object outlives the controller's lives: it is opened again after a loss.
 *
 * What a loss means for each part is said by the outcome table (status.ts), with two things added that only this place
 * knows: whether a byte of the command ever left, and that a read or a flush that may still be executed harms nobody.
 */
import { assert, defined } from '../../base/assert.ts';
import type { CausewayError } from '../../base/errors.ts';
import { op } from '../../block/request.ts';
import type { Address, Io, Task } from '../../io/contract.ts';
import { type Part, verdict } from '../contract.ts';
import { receiveBytes } from './auth/messages.ts';
import type { DhchapSecrets } from './auth/secret.ts';
import { type Breakage, breakage } from './breakage.ts';
import { callersOwn, CommandQueue, type CommandQueueListener, type CommandWriter } from './command-queue.ts';
import { type CommandOwner, type CommandSlot, direction, ending } from './command-slot.ts';
import type { Connection } from './connection.ts';
import { connectDataBytes, writeConnectData } from './connect-data.ts';
import { cattrNoFlowControl, type ConnectResponse, readConnectResponse, writeConnectSqe } from './fabrics-sqe.ts';
import type { ControllerInstance } from './messages.ts';
import type { NvmePath } from './nvme-path.ts';
import { writePartCommand } from './part-command.ts';
import { type PassthroughCommand, type PassthroughResult, Passthroughs } from './passthrough.ts';
import { authenticateQueue, needsAuthentication } from './queue-authentication.ts';
import { QueueChannel } from './queue-channel.ts';
import { RoomLine } from './room-line.ts';
import { dsmRangeBytes } from './sqe.ts';
import { lossOutcomeOf } from './loss.ts';
import { blockStatusOf, outcome, sc, verdictOf } from './status.ts';
import { expectedError } from './transport-error.ts';

/** Where a queue pair tells what happened to it. */
export interface QueuePairListener {
  /** Connect succeeded: parts may be submitted. */
  onQueueOpen(queue: QueuePair): void;
  /** It is over, or never came about: `how`, or the status with which Connect was refused. Detachment follows. */
  onQueueLost(queue: QueuePair, how: Breakage, status: number): void;
  /** A command had no answer in time: it should be called back (Abort). Said once of each. */
  onCommandOverdue(queue: QueuePair, cid: number): void;
  /** A command had no answer in time, and none after it should have been called back. The controller is at fault. */
  onQueueTimeout(queue: QueuePair): void;
  /** A command ended with an ANA status: the access that is known is out of date. Not said too often. */
  onAccessDoubted(queue: QueuePair): void;
  /** Somebody who uses it finds that nothing comes back over it, while other paths answer. */
  onQueueSuspected(queue: QueuePair): void;
  /** All parts were given back; nothing refers to any buffer. It may be opened again or released. */
  onQueueDetached(queue: QueuePair): void;
}

/** What a queue pair must know to connect. */
export interface QueueTarget extends ControllerInstance {
  readonly fenceMs: number;
  readonly address: Address;
  /** Which life of the controller it belongs to. */
  readonly epoch: number;
  readonly qid: number;
  readonly hostid: string;
  readonly hostnqn: string;
  readonly subnqn: string;
  /** Null: there is nothing to authenticate with. */
  readonly dhchap: DhchapSecrets | null;
  /** Commands at once, at most what the queue pair was made for. */
  readonly depth: number;
  /** Data that a command may carry in its capsule, bytes. */
  readonly inCapsuleBytes: number;
  /** What CRD 0 to 3 mean, milliseconds. */
  readonly retryDelaysMs: readonly number[];
}

export interface QueuePairOptions {
  readonly depth: number;
  readonly digests: number;
  readonly timeoutMs: number;
  readonly userTimeout: number;
  readonly handshakeMs: number;
  readonly receiveBytes: number;
}

/** ANA statuses come in crowds; one word a while is enough to have the log read. */
const doubtIntervalMs = 100;

/**
 * What a command has left after the I/O timeout, to be called back. It takes a round trip over the admin queue and one over
 * the command's own, in an array that may be busy: 2 s are plenty. Whoever asked for a short timeout wants to know soon
 * whether the controller answers anybody: then it is a part of that.
 */
const longestGraceMs = 2_000;
const gracePart = 1 / 4;

/** What a command has left after this I/O timeout, milliseconds. */
export function abortGrace(timeoutMs: number): number {
  return Math.min(timeoutMs * gracePart, longestGraceMs);
}

/** How long a command of a caller's own waits for a slot, milliseconds. */
const longestRoomMs = 5_000;

const purpose = { part: 0, connect: 1, authentication: 2 } as const;

export class QueuePair implements CommandQueueListener, CommandWriter, CommandOwner, Task {
  /** Connect succeeded and the connection stands. */
  open = false;
  /** The life of the controller that it was last opened for. */
  epoch = 0;
  /** Why it was not authenticated, when it was last opened; null: that did not fail. */
  refusal: CausewayError | null = null;

  readonly #io: Io;
  readonly #listener: QueuePairListener;
  readonly #queue: CommandQueue;
  readonly #channel: QueueChannel;
  readonly #passthroughs: Passthroughs;
  /** Parts that ended with `mayStillExecute` since it was last opened. */
  #doubtedParts = 0;
  readonly #parts: (Part | null)[];
  /** By slot, as `#parts`. */
  readonly #pathOf: (NvmePath | null)[];
  readonly #line = new RoomLine();
  /** Connect data and authentication messages; and a range of dataset management for each slot. */
  readonly #control: number;
  readonly #ranges: number;
  #target: QueueTarget | null = null;
  /** What becomes of commands whose connection ends. */
  #lossOutcome: number = outcome.connectionLost;
  #inCapsuleBytes = 0;
  readonly #retryDelays = new Int32Array(4);
  #roomSoon = false;
  #doubtedAt = Number.NaN; // starts as a double, so that the field's representation never changes

  constructor(io: Io, listener: QueuePairListener, options: QueuePairOptions) {
    this.#io = io;
    this.#listener = listener;
    this.#doubtedAt = Number.NEGATIVE_INFINITY;
    this.#parts = new Array<Part | null>(options.depth).fill(null);
    this.#pathOf = new Array<NvmePath | null>(options.depth).fill(null);
    this.#control = io.memory.allocate(Math.max(connectDataBytes, receiveBytes), 64);
    this.#ranges = io.memory.allocate(options.depth * dsmRangeBytes, 64);
    this.#queue = new CommandQueue(io, this, this, {
      ...options,
      graceMs: abortGrace(options.timeoutMs),
      shortData: false,
    });
    this.#channel = new QueueChannel(io, this.#queue, this.#control, purpose.authentication);
    this.#passthroughs = new Passthroughs(io, this.#queue, {
      callBack: (cid) => listener.onCommandOverdue(this, cid),
      giveUp: () => listener.onQueueTimeout(this),
    });
  }

  /** Commands that the controller may still execute after the loss of this queue, since it was last opened. */
  get inDoubt(): number {
    return this.#doubtedParts + this.#passthroughs.inDoubt;
  }

  get hasRoom(): boolean {
    return this.open && this.#queue.hasRoom;
  }

  get inUse(): number {
    return this.#queue.inUse;
  }

  get depth(): number {
    return this.#queue.depth;
  }

  /** The controller of the life that it was last opened for. */
  get instance(): ControllerInstance {
    return defined(this.#target, 'a queue that was never opened has no controller');
  }

  /** How long after its loss that life may still execute something, milliseconds. */
  get fenceMs(): number {
    return defined(this.#target, 'a queue that was never opened has no controller').fenceMs;
  }

  /** For what it knows of a breakage. */
  get connection(): Connection {
    return this.#queue.connection;
  }

  get detached(): boolean {
    return this.#queue.connection.detached;
  }

  /** A part of this path may be submitted now. If not, and it may be later, the path's waiter is told then. */
  hasRoomFor(path: NvmePath): boolean {
    if (!this.open) return false;
    if (this.#queue.hasRoom) return this.#line.mayPass(path);
    this.#line.enter(path);
    return false;
  }

  /** Nothing is submitted over this path any more. */
  removePath(path: NvmePath): void {
    this.#line.leave(path);
  }

  /** Connects. `onQueueOpen`, or `onQueueLost` and `onQueueDetached`, follow. Only when detached. */
  connect(target: QueueTarget): void {
    assert(this.detached, 'a queue pair is opened twice');
    this.#target = target;
    this.epoch = target.epoch;
    this.#doubtedParts = 0;
    this.#passthroughs.inDoubt = 0;
    this.refusal = null;
    this.#queue.shortData = true;
    this.#inCapsuleBytes = target.inCapsuleBytes;
    for (let crd = 0; crd < 4; crd += 1) this.#retryDelays[crd] = target.retryDelaysMs[crd] ?? 0;
    this.#lossOutcome = outcome.connectionLost;
    this.#line.clear();
    this.#queue.limitDepth(target.depth);
    this.#queue.open(target.address);
  }

  /**
   * Ends the connection at once; `onQueueDetached` follows once all parts are back, with `lossOutcome` (a row of the
   * outcome table) for those that were under way. Harmless when repeated or detached.
   */
  abort(lossOutcome: number): void {
    if (this.detached) return;
    // The first reason is the true one.
    if (this.open) this.#lossOutcome = lossOutcome;
    this.open = false;
    this.#queue.abort();
  }

  /** Gives the memory back; only when detached. */
  release(): void {
    this.#queue.release();
    this.#io.memory.free(this.#control);
    this.#io.memory.free(this.#ranges);
  }

  /** Takes a part of `path` over. Only while `hasRoomFor` it. */
  submit(path: NvmePath, part: Part): void {
    const bytes = part.length;
    let slot: CommandSlot;
    switch (part.op) {
      case op.read:
        slot = this.#queue.take(this, purpose.part, direction.in, part.buffer, bytes, false);
        break;
      case op.write:
        slot = this.#queue.take(this, purpose.part, direction.out, part.buffer, bytes, bytes <= this.#inCapsuleBytes);
        break;
      case op.discard:
        slot = this.#queue.take(
          this,
          purpose.part,
          direction.out,
          0,
          dsmRangeBytes,
          dsmRangeBytes <= this.#inCapsuleBytes,
        );
        slot.data = this.#ranges + slot.tag * dsmRangeBytes;
        break;
      default:
        slot = this.#queue.take(this, purpose.part, direction.none, 0, 0, false);
    }
    this.#parts[slot.tag] = part;
    this.#pathOf[slot.tag] = path;
    path.commandTaken(slot.dataBytes);
    this.#line.took(path);
    part.startedAt = slot.startedAt;
    this.#queue.send(slot);
  }

  /**
   * Runs a command of a caller's own making. Resolves also when the connection is lost under it; null if it could not be
   * sent for want of room or of a connection. @throws CausewayError `out-of-memory`
   */
  async passthrough(command: PassthroughCommand, isRepeatable: boolean): Promise<PassthroughResult | null> {
    const until = this.#io.clock.now() + longestRoomMs;
    // Control, and one at a time: it stands in no line, and takes the first slot that it sees free.
    const { epoch } = this;
    while (this.open && !this.#queue.hasRoom && this.#io.clock.now() < until) await this.#io.sleep(1);
    return this.hasRoom && this.epoch === epoch ? await this.#passthroughs.run(command, isRepeatable) : null;
  }

  /** The user of a path finds that nothing comes back over it. Control. */
  suspect(): void {
    if (this.open) this.#listener.onQueueSuspected(this);
  }

  /** See `NativePath.detach`. */
  detach(part: Part): boolean {
    const tag = this.#parts.indexOf(part);
    assert(tag >= 0, 'a part is detached that is not under way');
    return this.#queue.drop(this.#queue.slot(tag));
  }

  // CommandWriter

  writeCommand(view: DataView, at: number, slot: CommandSlot): void {
    if (slot.purpose === purpose.connect) {
      const target = defined(this.#target, 'a queue connects without a target');
      // Without SQ flow control, which a queue larger than its commands does not need, a read may end with its data
      // (SUCCESS) instead of a response of its own. A controller that cannot do without ignores the wish.
      writeConnectSqe(view, at, slot.cid, target.qid, target.depth + 1, cattrNoFlowControl, 0);
      return;
    }
    if (slot.purpose === purpose.authentication) {
      this.#channel.writeCommand(view, at, slot);
      return;
    }
    if (slot.purpose === callersOwn) {
      this.#passthroughs.writeCommand(view, at, slot);
      return;
    }
    const part = defined(this.#parts[slot.tag], 'a command without a part');
    writePartCommand(view, at, slot, part, defined(this.#pathOf[slot.tag], 'a command without a path'));
  }

  // CommandOwner

  onCommand(slot: CommandSlot): void {
    if (slot.purpose === purpose.connect) {
      this.#connected(slot);
      return;
    }
    const part = defined(this.#parts[slot.tag], 'a command without a part');
    this.#parts[slot.tag] = null;
    let code = slot.status;
    if (slot.ending === ending.lost) code = slot.handed ? this.#lossOutcome : outcome.notSent;
    else if (code === sc.success && slot.corrupted) code = outcome.dataDigestError;
    else if (code === sc.abortedByRequest && slot.overdueAt !== 0) code = outcome.calledBack;
    part.outcome = code;
    part.status = blockStatusOf(code);
    // Whoever aborts a command because we ask for it can not know whether it would fail again.
    let known = verdictOf(code, slot.doNotRetry && code !== outcome.calledBack);
    if (known !== verdict.ok) {
      if (part.op === op.read || part.op === op.flush) known &= harmless;
      if ((known & verdict.mayStillExecute) !== 0) this.#doubtedParts += 1;
      if (code >= sc.anaPersistentLoss && code <= sc.anaTransition) this.#doubtAccess();
      part.retryDelay = this.#retryDelays[slot.retryDelayIndex]!;
    }
    part.verdict = known;
    defined(this.#pathOf[slot.tag], 'a command without a path').commandEnded(slot.dataBytes);
    defined(part.owner, 'a part has nobody to come back to').onPart(part);
  }

  onDropped(slot: CommandSlot): void {
    const part = this.#parts[slot.tag];
    part?.owner?.onDetached?.(part);
  }

  #doubtAccess(): void {
    const now = this.#io.clock.now();
    if (now - this.#doubtedAt < doubtIntervalMs) return;
    this.#doubtedAt = now;
    this.#listener.onAccessDoubted(this);
  }

  #connected(slot: CommandSlot): void {
    if (slot.ending === ending.lost) return; // onQueueBroken or our own abort has told it
    if (slot.status !== sc.success) {
      this.#queue.abort();
      this.#listener.onQueueLost(this, breakage.none, slot.status);
      return;
    }
    const response = readConnectResponse(slot.dw0);
    const target = defined(this.#target, 'a queue connects without a target');
    if (needsAuthentication(response, target)) void this.#authenticate(response, target);
    else this.#opened();
  }

  #opened(): void {
    this.#queue.shortData = false;
    this.open = true;
    this.#listener.onQueueOpen(this);
  }

  /** What a queue that is lost meanwhile still hears of this concerns nobody: its loss was told already. */
  async #authenticate(response: ConnectResponse, target: QueueTarget): Promise<void> {
    let refusal: CausewayError | null = null;
    try {
      await authenticateQueue(this.#io, this.#channel, response, target, (error) => {
        // Whoever is told of a loss from here on hears why.
        if (this.#target === target && this.connection.ready) this.refusal = error;
      });
    } catch (error) {
      refusal = expectedError(error);
    }
    if (this.#target !== target || !this.connection.ready) return;
    if (refusal === null) {
      this.#opened();
      return;
    }
    this.refusal = refusal;
    this.#queue.abort();
    this.#listener.onQueueLost(this, breakage.none, 0);
  }

  // CommandQueueListener

  onTransport(): void {
    const target = defined(this.#target, 'a queue connects without a target');
    writeConnectData(this.#io.memory.view, this.#control, target);
    this.#queue.submit(this, purpose.connect, direction.out, this.#control, connectDataBytes, true);
  }

  onQueueBroken(how: Breakage): void {
    this.open = false;
    this.#lossOutcome = lossOutcomeOf(how);
    this.#listener.onQueueLost(this, how, 0);
  }

  onQueueDetached(): void {
    this.open = false;
    this.#listener.onQueueDetached(this);
  }

  onCommandOverdue(slot: CommandSlot): void {
    // A Connect is bounded by whoever brings the controller up, and its queue does not exist before it.
    if (slot.purpose === purpose.part) this.#listener.onCommandOverdue(this, slot.cid);
  }

  onQueueTimeout(): void {
    this.#listener.onQueueTimeout(this);
  }

  /** Paths in line are told later in the batch: by then more commands may have ended. */
  onQueueRoom(): void {
    if (this.#roomSoon || !this.open) return;
    this.#roomSoon = true;
    this.#io.later(this);
  }

  run(): void {
    this.#roomSoon = false;
    const line = this.#line;
    // This ends: who had a turn and comes again has taken at least one slot. Whoever is left in line found the queue full,
    // and is told when it is not.
    while (this.hasRoom && !line.isEmpty) {
      const path = line.begin(this.#queue.depth - this.#queue.inUse);
      path.waiter?.onRoom(path);
      line.end();
    }
  }
}

/** A read or a flush changes nothing, whenever it is executed. */
const harmless = ~(verdict.mayHaveExecuted | verdict.mayStillExecute);

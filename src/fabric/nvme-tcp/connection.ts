/**
 * One TCP connection that carries NVMe/TCP PDUs, for both roles: the host's end (initiator) and the controller's end
 * (target). It exchanges ICReq and ICResp, gathers what is sent in a batch into one send, takes apart what arrives,
 * and sees to digests and alignment. Which PDUs make sense is its owner's matter.
 *
 * Sending a PDU: `at = reserve(hlen)`; if that is -1 wait for `onSendRoom`; write the header with a writer of pdu.ts
 * (`digests` and `alignment` are this connection's); then `queue(at)`, or `queueWithData(at, …)`.
 * Receiving: `onPdu`; where it brings payload the owner answers `receiveData` or `discardData`, at once or later.
 *
 * Ends: by the peer's or our own fault `onBroken`, then `onDetached`; by `abort`, `terminate` or `close` only
 * `onDetached`. From `onDetached` on no operation refers to any buffer, so payload memory may be given back, and the
 * connection may be opened again. A connection that broke or was aborted takes PDUs no more (`reserve` returns -1).
 */
import { assert } from '../../base/assert.ts';
import { errno } from '../../native/errno.ts';
import type { Address, Io, Socket, SocketOwner, Task, Timer } from '../../io/contract.ts';
import { type Breakage, breakage } from './breakage.ts';
import {
  type CompleteOptions,
  connectionDefaults,
  type ConnectionOptions,
  type ConnectionOwner,
  defaultMaxData,
  type Role,
} from './connection-contract.ts';
import { fes, pduType } from './constants.ts';
import { agreeAsController, agreeAsHost } from './negotiation.ts';
import { icReq, icResp, termReq, writeIcReq, writeIcResp, writeTermReq } from './pdu.ts';
import { feiOf, fesOf, HeaderRules } from './pdu-check.ts';
import { PduReceiver, type PduSink } from './pdu-receiver.ts';
import { PduSender } from './pdu-sender.ts';
import { StillbornConnection, stillbornErrno } from './stillborn-connection.ts';

export type { ConnectionOptions, ConnectionOwner, Role } from './connection-contract.ts';

const phase = { idle: 0, connecting: 1, handshake: 2, ready: 3, terminating: 4, ending: 5 } as const;

/**
 * How long a termination request may take to leave and the peer to close before we abort. Short, because a host's fence
 * begins only with the abort.
 */
const terminationMs = 100;
/**
 * How long an interrupted receive may take to come back. It takes one round through the kernel; a connection where it
 * does not is given up, because somebody waits for the memory.
 */
const dropMs = 10;

export class Connection implements SocketOwner, PduSink, Task {
  readonly role: Role;
  owner: ConnectionOwner;
  /** Agreed digests, bits of `digestBit`: for the writers of pdu.ts. */
  digests = 0;
  /** The peer's alignment of payload, bytes: for the writers of pdu.ts. */
  alignment = 4;
  /** Host: the controller's MAXH2CDATA. */
  maxH2cData = 0;
  /** Controller: R2Ts of one command that the host takes at once. */
  maxR2t = 1;
  /** Of the last breakage: a negative result of the socket, or 0. */
  errno = 0;
  /** Of the last breakage: fatal error status and information, ours or the peer's. */
  fes = 0;
  fei = 0;

  readonly #io: Io;
  readonly #options: CompleteOptions;
  readonly #rules: HeaderRules;
  readonly #receiver: PduReceiver;
  readonly #sender: PduSender;
  readonly #timer: Timer;
  #socket: Socket | null = null;
  #phase: number = phase.idle;
  #resuming = false;
  #termination = false;
  /** Whose payload is dropped once the receive into it is back; -1: nobody's. */
  #dropping = -1;

  constructor(io: Io, role: Role, owner: ConnectionOwner, options: ConnectionOptions = {}) {
    this.role = role;
    this.owner = owner;
    this.#io = io;
    const complete: CompleteOptions = { ...connectionDefaults, ...options };
    this.#options = complete;
    this.#rules = new HeaderRules(role === 'controller');
    this.#receiver = new PduReceiver(io.memory, this.#rules, complete.receiveBytes, this);
    this.#sender = new PduSender(io, complete.stagingBytes, complete.segments);
    this.#timer = io.timer(() => this.#expired());
  }

  /** PDUs may be queued. */
  get ready(): boolean {
    return this.#phase === phase.ready;
  }

  /** Nothing is open: it may be opened, or released. */
  get detached(): boolean {
    return this.#phase === phase.idle;
  }

  /** Connects to `address` and introduces itself (host). */
  open(address: Address): void {
    assert(this.role === 'host' && this.#phase === phase.idle, 'a connection is opened twice');
    this.#reset();
    this.#phase = phase.connecting;
    this.#timer.arm(this.#options.handshakeMs);
    const { userTimeout } = this.#options;
    try {
      this.#socket = this.#io.connect(address, this, userTimeout === undefined ? {} : { userTimeout });
    } catch (error) {
      // No descriptor is left, or the address is none.
      this.errno = stillbornErrno(error);
      this.#io.later(new StillbornConnection(this));
    }
  }

  /** For `StillbornConnection`. */
  failStillborn(): void {
    if (this.#phase === phase.connecting) this.owner.onBroken(breakage.connectFailed);
    this.onClosed();
  }

  /** Takes an accepted connection over and waits for its ICReq (controller). The caller makes us the socket's owner. */
  adopt(socket: Socket): void {
    assert(this.role === 'controller' && this.#phase === phase.idle, 'a connection is adopted twice');
    this.#reset();
    this.#phase = phase.handshake;
    this.#timer.arm(this.#options.handshakeMs);
    this.#socket = socket;
    this.#receive();
  }

  /** Ends at once: what is queued is not sent. `onDetached` follows. Harmless when repeated or idle. */
  abort(): void {
    if (this.#phase === phase.idle || this.#phase === phase.ending) return;
    this.#phase = phase.ending;
    this.#receiver.stop();
    this.#sender.socket = null;
    this.#timer.disarm();
    this.#socket?.abort();
  }

  /** Orderly end, only when nothing waits to be sent. `onDetached` follows. */
  close(): void {
    assert(!this.#sender.pending, 'a connection is closed while it sends');
    if (this.#phase === phase.idle || this.#phase === phase.ending) return;
    this.#phase = phase.ending;
    this.#receiver.stop();
    this.#sender.socket = null;
    this.#timer.disarm();
    this.#socket?.close();
  }

  /**
   * Ends because the peer broke the protocol: sends a termination request with this status if that is possible within
   * a short time, then aborts. `onDetached` follows, no `onBroken`.
   */
  terminate(fatalStatus: number, information: number): void {
    if (this.#phase === phase.idle || this.#phase === phase.ending || this.#phase === phase.terminating) return;
    this.fes = fatalStatus;
    this.fei = information;
    this.#receiver.stop();
    this.#sender.dropWaiting();
    this.#phase = phase.terminating;
    this.#termination = true;
    this.#timer.arm(terminationMs);
    this.#sendTermination();
  }

  /** Gives the memory back; only when detached. The object is of no use afterwards. */
  release(): void {
    assert(this.#phase === phase.idle, 'a connection is released while it is open');
    this.#receiver.release();
    this.#sender.release();
  }

  // Sending

  /**
   * Where the next PDU's header (`hlen` bytes, without digest and padding) is to be written, or -1 while there is no
   * room; `onSendRoom` comes then, unless the connection is over.
   */
  reserve(hlen: number): number {
    return this.#phase === phase.ready ? this.#sender.reserve(hlen, this.alignment) : -1;
  }

  /** Queues the PDU without data whose header was written at `place`. */
  queue(place: number): void {
    this.#sender.push(place);
  }

  /**
   * Queues the PDU whose header was written at `place` with its payload, which must not change or be reused before
   * `onSent(cookie)` (or `onDetached`). `cookie` is 0 or more.
   */
  queueWithData(place: number, payload: number, length: number, cookie: number): void {
    this.#sender.pushWithData(place, payload, length, cookie);
  }

  /** Bytes ever queued: the position of the PDU that is queued next, for `wasHanded`. */
  get position(): number {
    return this.#sender.position;
  }

  /**
   * False only if not one byte of the PDU queued at `position` was given to the socket: then the peer cannot have
   * seen it. To be asked before the connection is opened again.
   */
  wasHanded(position: number): boolean {
    return this.#sender.wasHanded(position);
  }

  /** Something queued has not been given to the socket, or the socket still sends. */
  get sendPending(): boolean {
    return this.#sender.pending;
  }

  // Receiving

  /** The payload of the PDU given to `onPdu` goes to `place`; `onData(cookie)` follows. */
  receiveData(place: number, cookie: number): void {
    this.#receiver.receiveData(place, cookie);
    this.#resume();
  }

  /**
   * The payload that `receiveData` named by `cookie` is not wanted any more; `onData` comes all the same. True: nothing is
   * written to its place from now on. False: a receive into it is under way and is ended early; `onDropped(cookie)`
   * follows, or `onDetached` if the connection ends.
   */
  dropData(cookie: number): boolean {
    if (this.#phase !== phase.ready) return this.#phase === phase.idle;
    if (this.#receiver.dropData(cookie)) return true;
    this.#dropping = cookie;
    this.#timer.arm(dropMs);
    this.#socket?.interruptReceive();
    return false;
  }

  /** The payload of the PDU given to `onPdu` is dropped; no `onData` follows. */
  discardData(): void {
    this.#receiver.discardData();
    this.#resume();
  }

  /** Controller: changes the most data that a command capsule may bring (admin and I/O queues differ). */
  setMaxInCapsule(bytes: number): void {
    this.#rules.maxInCapsule = bytes;
  }

  /** Goes on parsing where the owner answered from outside `onPdu`; does nothing from inside, the parser is running. */
  #resume(): void {
    if (this.#receiver.parsing || this.#resuming) return;
    this.#resuming = true;
    this.#io.later(this);
  }

  run(): void {
    this.#resuming = false;
    this.#receiver.parse();
    this.#receive();
  }

  #receive(): void {
    const socket = this.#socket;
    if (socket === null || socket.receiving || this.#phase === phase.ending || this.#phase === phase.idle) return;
    if (this.#receiver.plan()) {
      socket.receive(this.#receiver.wantPlace, this.#receiver.wantBytes, this.#receiver.wantAll);
    }
  }

  // SocketOwner

  onConnected(result: number): void {
    if (this.#phase !== phase.connecting) return;
    if (result < 0) {
      this.errno = result;
      this.#break(breakage.connectFailed);
      return;
    }
    this.#phase = phase.handshake;
    this.#sender.socket = this.#socket;
    const place = this.#sender.reserve(icReq.bytes, 0);
    writeIcReq(this.#io.memory.view, place, 0, this.#options.digests, this.#options.maxR2t);
    this.#sender.push(place);
    this.#receive();
  }

  onReceived(result: number): void {
    if (this.#phase === phase.ending || this.#phase === phase.idle) return;
    if (this.#dropping >= 0 && (result > 0 || result === -errno.ECANCELED)) {
      this.#received(Math.max(result, 0));
      return;
    }
    if (result <= 0) {
      this.errno = result;
      if (this.#phase === phase.terminating) this.abort();
      else if (result === 0) this.#break(breakage.closedByPeer);
      else this.#break(breakage.lost);
      return;
    }
    this.#receiver.received(result);
    this.#receive();
  }

  /** The receive into a payload that is dropped came back: told before anything that follows from its bytes. */
  #received(bytes: number): void {
    const cookie = this.#dropping;
    this.#dropping = -1;
    if (this.#phase === phase.ready) this.#timer.disarm();
    this.owner.onDropped?.(cookie);
    this.#receiver.received(bytes);
    this.#receive();
  }

  onSent(result: number): void {
    if (this.#phase === phase.ending || this.#phase === phase.idle) return;
    if (result < 0) {
      this.errno = result;
      if (this.#phase === phase.terminating) this.abort();
      else this.#break(breakage.lost);
      return;
    }
    this.#sender.sent(this.owner);
    if (this.#phase === phase.terminating) {
      this.#sendTermination();
    } else if (this.#sender.wantsRoom && this.#phase === phase.ready) {
      this.#sender.wantsRoom = false;
      this.owner.onSendRoom();
    }
  }

  onClosed(): void {
    this.#timer.disarm();
    this.#socket = null;
    this.#phase = phase.idle;
    this.owner.onDetached();
  }

  // PduSink

  onPdu(type: number, place: number, dataBytes: number): void {
    switch (type) {
      case pduType.icReq:
      case pduType.icResp:
        this.#initialize(place);
        return;
      case pduType.h2cTermReq:
      case pduType.c2hTermReq: {
        const { view } = this.#io.memory;
        this.fes = view.getUint16(place + termReq.fes, true);
        this.fei = view.getUint32(place + termReq.fei, true);
        this.#break(breakage.terminatedByPeer);
        return;
      }
      default:
        this.owner.onPdu(type, place, dataBytes);
    }
  }

  onData(cookie: number, intact: boolean): void {
    this.owner.onData(cookie, intact);
  }

  onViolation(fatalStatus: number, information: number): void {
    if (this.#phase === phase.handshake) {
      this.fes = fatalStatus;
      this.fei = information;
      // What does not begin like NVMe/TCP is something else; it would not understand a termination request either.
      this.#break(breakage.notNvmeTcp);
      return;
    }
    const how = fatalStatus === fes.headerDigest ? breakage.headerDigest : breakage.protocolError;
    this.terminate(fatalStatus, information);
    this.owner.onBroken(how);
  }

  /** ICReq or ICResp came: from here on digests and alignment are settled. The answer to ICReq has none yet. */
  #initialize(place: number): void {
    const { view } = this.#io.memory;
    const { digests: offered, maxH2cData } = this.#options;
    const isController = this.role === 'controller';
    const agreed = isController ? agreeAsController(view, place, offered) : agreeAsHost(view, place, offered);
    if (agreed.fault !== 0) {
      this.terminate(fesOf(agreed.fault), feiOf(agreed.fault));
      this.owner.onBroken(breakage.unsupportedParameter);
      return;
    }
    if (isController) {
      this.#sender.socket = this.#socket;
      const answer = this.#sender.reserve(icResp.bytes, 0);
      writeIcResp(view, answer, 0, agreed.digests, maxH2cData);
      this.#sender.push(answer);
    }
    this.digests = agreed.digests;
    this.alignment = agreed.alignment;
    this.maxH2cData = agreed.maxH2cData;
    this.maxR2t = agreed.maxR2t;
    this.#rules.digests = agreed.digests;
    this.#rules.initialized = true;
    this.#timer.disarm();
    this.#phase = phase.ready;
    this.owner.onReady();
  }

  // Ends

  /** It is over, and not by our own wish: abort first, so that not one byte more is sent, then tell. */
  #break(how: Breakage): void {
    this.abort();
    this.owner.onBroken(how);
  }

  /**
   * Sends the termination request as soon as no send is under way. What was sent before must end with a whole PDU, or
   * the peer would take the request for payload; then only the abort is left.
   */
  #sendTermination(): void {
    if (this.#sender.underWay) return;
    if (!this.#termination) {
      // It has left. The peer answers by closing; the timer bounds that.
      this.#receive();
      return;
    }
    const place = this.#sender.reserve(termReq.bytes + termReq.maxDataBytes, 0);
    if (!this.#sender.atPduBoundary || place < 0) {
      this.abort();
      return;
    }
    const { view, u8 } = this.#io.memory;
    const from = this.#receiver.headerPlace;
    const type = this.role === 'host' ? pduType.h2cTermReq : pduType.c2hTermReq;
    const header = u8.subarray(from, from + this.#receiver.headerKnown);
    writeTermReq(view, place, type, this.fes, this.fei, header);
    // In the handshake of a controller nothing was sent before.
    this.#sender.socket = this.#socket;
    this.#sender.push(place);
    this.#termination = false;
    this.#receive();
  }

  #expired(): void {
    if (this.#phase === phase.terminating) {
      this.abort();
      return;
    }
    const isDropping = this.#phase === phase.ready && this.#dropping >= 0;
    if (!isDropping && this.#phase !== phase.connecting && this.#phase !== phase.handshake) return;
    if (this.#io.slip > 0) {
      // We stood still ourselves: the answer may have been here all the time.
      this.#timer.arm(isDropping ? dropMs : this.#options.handshakeMs);
      return;
    }
    this.#break(isDropping ? breakage.lost : breakage.handshakeTimeout);
  }

  #reset(): void {
    this.digests = 0;
    this.alignment = 4;
    this.maxH2cData = 0;
    this.maxR2t = 1;
    this.errno = 0;
    this.fes = 0;
    this.fei = 0;
    this.#termination = false;
    this.#dropping = -1;
    const { maxData, maxH2cData, maxInCapsule } = this.#options;
    this.#rules.initialized = false;
    this.#rules.digests = 0;
    this.#rules.maxData = maxData ?? (this.role === 'host' ? defaultMaxData : maxH2cData);
    this.#rules.maxInCapsule = maxInCapsule;
    this.#receiver.reset();
    this.#sender.reset();
  }
}

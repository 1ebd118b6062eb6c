/**
 * The sending half of a connection: PDUs are queued while a batch runs and go out in one send at its end, or, while a send
 * is under way, after its completion. Digests and padding are put in here.
 */
import type { Flushable, Io, Socket } from '../../io/contract.ts';
import { pduFlag } from './constants.ts';
import { crc32c, digestBytes } from './digest.ts';
import { ch, writeHeaderDigest } from './pdu.ts';
import { SendQueue, type SentSink } from './send-queue.ts';

/** Segments that one PDU can take: header, payload, data digest. */
const segmentsPerPdu = 3;

export class PduSender implements Flushable {
  /** Null while nothing may be sent. */
  socket: Socket | null = null;
  /** Somebody found no room. */
  wantsRoom = false;
  readonly #io: Io;
  readonly #queue: SendQueue;
  #dirty = false;

  constructor(io: Io, stagingBytes: number, segments: number) {
    this.#io = io;
    this.#queue = new SendQueue(io.memory, stagingBytes, segments);
  }

  get underWay(): boolean {
    return this.#queue.underWay;
  }

  get pending(): boolean {
    return this.#queue.underWay || this.#queue.waiting > 0;
  }

  /** What was given to the socket ends where a PDU ends. */
  get atPduBoundary(): boolean {
    return this.#queue.atPduBoundary;
  }

  get position(): number {
    return this.#queue.queuedBytes;
  }

  wasHanded(position: number): boolean {
    return position < this.#queue.handedBytes;
  }

  /** A place for a header of `hlen` bytes with whatever belongs to it, or -1. */
  reserve(hlen: number, alignment: number): number {
    const place = this.#queue.reserve(hlen + digestBytes + alignment + digestBytes, segmentsPerPdu);
    if (place < 0) this.wantsRoom = true;
    return place;
  }

  /** Queues a PDU without data. */
  push(place: number): void {
    const { view, u8 } = this.#io.memory;
    writeHeaderDigest(view, u8, place);
    this.#queue.pushHeader(place, view.getUint32(place + ch.plen, true), true);
    this.#markDirty();
  }

  /** Queues a PDU with data. */
  pushWithData(place: number, payload: number, length: number, cookie: number): void {
    const { view, u8 } = this.#io.memory;
    const pdo = view.getUint8(place + ch.pdo);
    const hlen = view.getUint8(place + ch.hlen);
    const digested = (view.getUint8(place + ch.flags) & pduFlag.ddgst) !== 0;
    // Padding first, the header digest (which may stand in it) after.
    for (let at = place + hlen; at < place + pdo; at += 1) u8[at] = 0;
    writeHeaderDigest(view, u8, place);
    this.#queue.pushHeader(place, pdo, false);
    this.#queue.pushPayload(payload, length, cookie, !digested);
    if (digested) {
      view.setUint32(place + pdo, crc32c(u8, payload, length), true);
      this.#queue.pushHeader(place + pdo, digestBytes, true);
    }
    this.#markDirty();
  }

  /** Hands what the batch gathered to the socket. Called by the loop. */
  flush(): void {
    this.#dirty = false;
    const { socket } = this;
    if (socket === null || this.#queue.underWay) return;
    const count = this.#queue.take();
    if (count > 0) socket.send(this.#queue.places, this.#queue.lengths, count);
  }

  /** The send under way is complete; `sink` may queue more from inside. */
  sent(sink: SentSink): void {
    this.#queue.done(sink);
    if (this.#queue.waiting > 0) this.#markDirty();
  }

  /** Forgets what the socket does not have yet. */
  dropWaiting(): void {
    this.#queue.dropWaiting();
  }

  /** Forgets everything; only when no send is under way in the kernel. */
  reset(): void {
    this.socket = null;
    this.wantsRoom = false;
    this.#queue.reset();
  }

  release(): void {
    this.#queue.release();
  }

  #markDirty(): void {
    // While a send is under way its completion brings the next flush.
    if (this.#dirty || this.#queue.underWay) return;
    this.#dirty = true;
    this.#io.atEndOfBatch(this);
  }
}

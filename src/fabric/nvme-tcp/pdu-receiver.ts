/**
 * Takes apart what arrives on a connection: a resumable parser that may be fed at any split, and that says where the
 * next bytes shall be received. Headers and small payloads come through one receive buffer; a large payload is
 * received where it belongs. Nothing in here throws because of bytes that arrived.
 *
 * One PDU goes through these states:
 *   common  – the 8 bytes that all PDUs begin with
 *   header  – the rest up to the data: specific header, header digest, padding
 *   waiting – the owner has not yet said where the payload goes; nothing is received meanwhile (backpressure)
 *   data    – payload is being copied or received to its place, or dropped
 *   digest  – the data digest
 */
import { assert } from '../../base/assert.ts';
import type { Memory } from '../../io/contract.ts';
import { fes, pduFlag, pduType } from './constants.ts';
import { crc32c, digestBytes } from './digest.ts';
import { ch, headerDigestIsRight, termReq } from './pdu.ts';
import {
  checkDataHeader,
  checkHeader,
  dataBytes,
  dataStart,
  feiOf,
  fesOf,
  headerBytes,
  type HeaderRules,
} from './pdu-check.ts';

/** Where the parser tells what it found. Calls happen inside `received`, `receiveData` never calls back. */
export interface PduSink {
  /**
   * A checked header stands at `place`, valid until the payload's place is named (or until this returns if there is
   * none). `dataBytes` > 0: `receiveData` or `discardData` is to be called, from inside or later.
   */
  onPdu(type: number, place: number, dataBytes: number): void;
  /** The payload named by `cookie` is all there. `intact` is false if its data digest was wrong. */
  onData(cookie: number, intact: boolean): void;
  /** The bytes break the protocol: fatal error status and information for the termination request. */
  onViolation(fatalStatus: number, information: number): void;
}

const state = { common: 0, header: 1, waiting: 2, data: 3, digest: 4, stopped: 5 } as const;

/** From this many missing bytes on a payload is received in place instead of through the buffer. */
const directBytes = 8 * 1024;
/**
 * After a payload that was received in place another one is likely: the next receive then takes only this much, so that
 * little of that payload has to be copied.
 */
const peekBytes = 4 * 1024;
/** The place of a payload that is dropped. */
export const nowhere = -1;

export class PduReceiver {
  /** What `plan` asks for. */
  wantPlace = 0;
  wantBytes = 0;
  wantAll = false;

  readonly #memory: Memory;
  readonly #rules: HeaderRules;
  readonly #sink: PduSink;
  readonly #buffer: number;
  readonly #bufferBytes: number;
  #state: number = state.common;
  /** Unparsed bytes in the buffer: from head to tail. */
  #head = 0;
  #tail = 0;
  /** Bytes of header, digest and padding of the PDU that is taken apart: what must be there before it is looked at. */
  #headerBytes = 0;
  #headerAt = 0;
  #dataBytes = 0;
  #dataDone = 0;
  #dataDigested = false;
  /** Where the payload goes, or `nowhere`. */
  #dataPlace = nowhere;
  /** Who is told of its end; -1: nobody. */
  #dataCookie = -1;
  #direct = false;
  #peek = false;
  /** It is taking bytes apart: an answer to `onPdu` comes from inside. */
  parsing = false;

  constructor(memory: Memory, rules: HeaderRules, bufferBytes: number, sink: PduSink) {
    assert(bufferBytes >= 2 * peekBytes, 'a receive buffer of at least 8 KiB');
    this.#memory = memory;
    this.#rules = rules;
    this.#sink = sink;
    this.#bufferBytes = bufferBytes;
    this.#buffer = memory.allocate(bufferBytes, 4096);
  }

  /** Begins anew, for a new connection. */
  reset(): void {
    this.#state = state.common;
    this.#head = 0;
    this.#tail = 0;
    this.#headerAt = 0;
    this.#headerBytes = 0;
    this.#dataPlace = nowhere;
    this.#dataCookie = -1;
    this.#direct = false;
    this.#peek = false;
  }

  release(): void {
    this.#memory.free(this.#buffer);
  }

  /** Takes nothing apart any more; what still arrives is dropped. */
  stop(): void {
    this.#state = state.stopped;
  }

  /** Where the header of the PDU in work stands, and how much of it is known: for a termination request. */
  get headerPlace(): number {
    return this.#buffer + this.#headerAt;
  }
  get headerKnown(): number {
    return Math.min(Math.max(this.#headerBytes, ch.bytes), this.#tail - this.#headerAt, 128);
  }

  /** Says in `wantPlace`, `wantBytes`, `wantAll` what to receive next; false if nothing is to be received now. */
  plan(): boolean {
    if (this.#state === state.waiting) return false;
    if (this.#state === state.stopped) {
      this.#head = 0;
      this.#tail = 0;
    }
    const missing = this.#dataBytes - this.#dataDone;
    if (this.#state === state.data && this.#dataPlace >= 0 && missing >= directBytes && this.#head === this.#tail) {
      this.#direct = true;
      this.wantPlace = this.#dataPlace + this.#dataDone;
      this.wantBytes = missing;
      this.wantAll = true;
      return true;
    }
    if (this.#head > 0) {
      // What is left is less than one header (or digest), so moving it to the front costs nothing.
      if (this.#tail > this.#head) {
        this.#memory.copy(this.#buffer, this.#buffer + this.#head, this.#tail - this.#head);
      }
      this.#tail -= this.#head;
      this.#headerAt = 0;
      this.#head = 0;
    }
    this.wantPlace = this.#buffer + this.#tail;
    this.wantBytes = this.#peek ? peekBytes - this.#tail : this.#bufferBytes - this.#tail;
    this.wantAll = false;
    this.#peek = false;
    return true;
  }

  /** `bytes` were received as planned. */
  received(bytes: number): void {
    if (this.#state === state.stopped) return;
    if (this.#direct) {
      this.#direct = false;
      this.#peek = true;
      this.#dataDone += bytes;
    } else {
      this.#tail += bytes;
    }
    this.parse();
  }

  /**
   * The owner's answer to `onPdu`: the payload goes to `place`, or `nowhere`: then its digest is not looked at. `cookie`
   * (0 or more) comes back in `onData`.
   */
  receiveData(place: number, cookie: number): void {
    assert(this.#state === state.waiting, 'no payload waits for a place');
    this.#dataPlace = place;
    this.#dataCookie = cookie;
    this.#state = state.data;
  }

  /** The owner's answer to `onPdu`: the payload is dropped; its digest is not looked at, and no `onData` follows. */
  discardData(): void {
    this.receiveData(nowhere, -1);
  }

  /**
   * The rest of the payload that `receiveData` named by `cookie` is dropped, if it is the one that arrives now; `onData`
   * comes as before. True: nothing is written to its place any more. False: a receive into it is under way, and has to
   * come back first.
   */
  dropData(cookie: number): boolean {
    if (this.#dataCookie !== cookie || (this.#state !== state.data && this.#state !== state.digest)) return true;
    this.#dataPlace = nowhere;
    return !this.#direct;
  }

  /** Goes on with what is in the buffer: after a place was named from outside `onPdu`. */
  parse(): void {
    if (this.parsing) return;
    this.parsing = true;
    while (this.#step()) {
      // Each step takes bytes off the buffer or waits for more, so this ends.
    }
    this.parsing = false;
  }

  /** One state's work; false when more bytes, a place for the payload, or nothing at all is awaited. */
  #step(): boolean {
    const available = this.#tail - this.#head;
    switch (this.#state) {
      case state.common:
        if (available < ch.bytes) return false;
        return this.#commonHeader();
      case state.header:
        if (available < this.#headerBytes) return false;
        return this.#wholeHeader();
      case state.data:
        return this.#data(available);
      case state.digest:
        if (available < digestBytes) return false;
        return this.#checkDataDigest();
      default:
        return false;
    }
  }

  #commonHeader(): boolean {
    const { view } = this.#memory;
    const rules = this.#rules;
    const place = this.#buffer + this.#head;
    this.#headerAt = this.#head;
    this.#headerBytes = ch.bytes;
    const fault = checkHeader(view, place, rules);
    if (fault !== 0) return this.#violation(fesOf(fault), feiOf(fault));
    const type = view.getUint8(place + ch.type);
    if (type === pduType.h2cTermReq || type === pduType.c2hTermReq) {
      this.#headerBytes = termReq.bytes;
      this.#dataBytes = view.getUint32(place + ch.plen, true) - termReq.bytes;
    } else {
      this.#dataBytes = dataBytes(view, place, rules);
      this.#headerBytes = this.#dataBytes > 0 ? dataStart(view, place) : headerBytes(view, place, rules);
    }
    this.#state = state.header;
    return true;
  }

  #wholeHeader(): boolean {
    const { view, u8 } = this.#memory;
    const place = this.#buffer + this.#head;
    if (!headerDigestIsRight(view, u8, place)) {
      return this.#violation(fes.headerDigest, view.getUint32(place + view.getUint8(place + ch.hlen), true));
    }
    const type = view.getUint8(place + ch.type);
    if (type === pduType.c2hData || type === pduType.h2cData) {
      // DATAL repeats what PLEN says; where they differ nobody knows where the next PDU begins.
      const fault = checkDataHeader(view, place, this.#rules);
      if (fault !== 0) return this.#violation(fesOf(fault), feiOf(fault));
    }
    this.#head += this.#headerBytes;
    this.#dataDone = 0;
    this.#dataDigested = this.#dataBytes > 0 && (view.getUint8(place + ch.flags) & pduFlag.ddgst) !== 0;
    this.#state = this.#dataBytes > 0 ? state.waiting : state.common;
    this.#sink.onPdu(type, place, this.#dataBytes);
    return true;
  }

  #data(available: number): boolean {
    const missing = this.#dataBytes - this.#dataDone;
    const bytes = available < missing ? available : missing;
    if (bytes > 0) {
      if (this.#dataPlace >= 0) {
        this.#memory.copy(this.#dataPlace + this.#dataDone, this.#buffer + this.#head, bytes);
      }
      this.#head += bytes;
      this.#dataDone += bytes;
    }
    if (bytes < missing) return false;
    if (this.#dataDigested) {
      this.#state = state.digest;
      return true;
    }
    this.#state = state.common;
    if (this.#dataCookie >= 0) this.#sink.onData(this.#dataCookie, true);
    return true;
  }

  #checkDataDigest(): boolean {
    const { view, u8 } = this.#memory;
    const received = view.getUint32(this.#buffer + this.#head, true);
    this.#head += digestBytes;
    this.#state = state.common;
    const place = this.#dataPlace;
    const intact = place === nowhere || crc32c(u8, place, this.#dataBytes) === received;
    if (this.#dataCookie >= 0) this.#sink.onData(this.#dataCookie, intact);
    return true;
  }

  #violation(fatalStatus: number, information: number): boolean {
    this.#state = state.stopped;
    this.#sink.onViolation(fatalStatus, information);
    return false;
  }
}

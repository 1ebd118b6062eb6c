/**
 * A stranger's host for tests: it speaks to the array with nothing but the codecs and the transport, command by
 * command, and knows nothing of how either side is built. Everything it sends is written out by the test.
 */
import assert from 'node:assert/strict';
import { type Breakage, breakage } from '../fabric/nvme-tcp/breakage.ts';
import { writeConnectData } from '../fabric/nvme-tcp/connect-data.ts';
import { Connection, type ConnectionOptions, type ConnectionOwner } from '../fabric/nvme-tcp/connection.ts';
import { pduFlag, pduType } from '../fabric/nvme-tcp/constants.ts';
import { cqeCid, cqeDnr, cqeDw0, cqeDw1, cqeSqhd, cqeStatus } from '../fabric/nvme-tcp/cqe.ts';
import { writeConnectSqe, writePropertyGetSqe, writePropertySetSqe } from '../fabric/nvme-tcp/fabrics-sqe.ts';
import {
  capsuleCmd,
  capsuleResp,
  ch,
  dataPdu,
  r2t,
  writeCapsuleCmdHeader,
  writeDataHeader,
} from '../fabric/nvme-tcp/pdu.ts';
import type { Address, Deferred, Io } from '../io/contract.ts';

/** How a command ended. */
export interface Completion {
  readonly status: number;
  readonly dnr: boolean;
  readonly dw0: number;
  readonly dw1: number;
  /** -1 if SUCCESS stood for the response. */
  readonly sqhd: number;
  /** What C2HData brought. */
  readonly data: Uint8Array;
  /** Number of C2HData, and offsets and lengths of the R2Ts. */
  readonly pieces: number;
  readonly r2ts: readonly { readonly offset: number; readonly length: number }[];
}

interface Pending {
  readonly done: Deferred<Completion>;
  readonly payload: number;
  readonly data: number;
  readonly bytes: number;
  received: number;
  pieces: number;
  readonly r2ts: { offset: number; length: number; ttag: number }[];
}

export interface CommandData {
  /** Data for the array, in the capsule. */
  readonly inCapsule?: Uint8Array;
  /** Data for the array, given when it asks. */
  readonly onRequest?: Uint8Array;
  /** Bytes wanted from the array. */
  readonly read?: number;
}

export interface RawConnectOptions {
  readonly subnqn?: string;
  readonly hostnqn?: string;
  readonly hostid?: string;
  readonly cntlid?: number;
  readonly entries?: number;
  readonly cattr?: number;
  readonly kato?: number;
}

export const testHostNqn = 'nqn.2014-08.org.nvmexpress:uuid:01234567-89ab-4def-8123-456789abcdef';
export const testHostId = '0123456789ab4def8123456789abcdef';

/** Place for the payload of one command at a time in each direction. */
const areaBytes = 1024 * 1024;

export class RawQueue implements ConnectionOwner {
  readonly io: Io;
  readonly connection: Connection;
  broken: Breakage = breakage.none;
  detached = false;
  /** H2CData are at most this long; the array's MAXH2CDATA when 0. */
  maxH2cData = 0;
  /** While true, R2Ts are noted but not answered. */
  holdData = false;
  /** Transfer tag of the R2T that came last. */
  lastTtag = 0;
  /** Wrong data digests of the array are counted instead of failing the test. */
  toleratesWrongData = false;
  wrongData = 0;
  /** Payload is changed after its digest was made. */
  spoilPayload = false;
  /** Where the payload of the last command stands. */
  lastPayload = 0;
  readonly #ready: Deferred<void>;
  readonly #gone: Deferred<void>;
  readonly #pending = new Map<number, Pending>();
  readonly #areas: number[] = [];
  #nextCid = 0;

  constructor(io: Io, options: ConnectionOptions = {}) {
    this.io = io;
    this.#ready = io.deferred<void>();
    this.#gone = io.deferred<void>();
    this.connection = new Connection(io, 'host', this, { maxR2t: 1, receiveBytes: 64 * 1024, ...options });
  }

  /** Connects; resolves when PDUs may be sent, rejects when that failed. */
  open(address: Address): Promise<void> {
    this.connection.open(address);
    return this.#ready.promise;
  }

  /** Resolves when the connection is over, for whatever reason. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Sends a command; `write` fills in the entry. The result never comes if the connection ends before. */
  submit(
    write: (view: DataView, at: number, cid: number) => void,
    data: CommandData = {},
    cid = -1,
  ): Promise<Completion> {
    const { memory } = this.io;
    const id = cid >= 0 ? cid : this.#nextCid++ & 0x7fff;
    const payload = this.#area();
    const area = this.#area();
    const outgoing = data.inCapsule ?? data.onRequest;
    if (outgoing !== undefined) memory.u8.set(outgoing, payload);
    this.lastPayload = payload;
    const pending: Pending = {
      done: this.io.deferred<Completion>(),
      payload,
      data: area,
      bytes: data.read ?? 0,
      received: 0,
      pieces: 0,
      r2ts: [],
    };
    this.#pending.set(id, pending);
    const place = this.connection.reserve(capsuleCmd.bytes);
    assert.ok(place >= 0, 'the test host has no room to send');
    const { digests, alignment } = this.connection;
    const inCapsule = data.inCapsule?.length ?? 0;
    writeCapsuleCmdHeader(memory.view, place, digests, inCapsule, alignment);
    write(memory.view, place + capsuleCmd.sqe, id);
    if (inCapsule > 0) this.connection.queueWithData(place, payload, inCapsule, 0);
    else this.connection.queue(place);
    return pending.done.promise;
  }

  #area(): number {
    return this.#areas.pop() ?? this.io.memory.allocate(areaBytes, 4096);
  }

  /** Connect for queue `qid`. */
  connectQueue(qid: number, options: RawConnectOptions = {}): Promise<Completion> {
    const { memory } = this.io;
    const at = this.#area();
    writeConnectData(memory.view, at, {
      hostid: options.hostid ?? testHostId,
      cntlid: options.cntlid ?? 0xffff,
      subnqn: options.subnqn ?? 'nqn.2026-11.io.causeway:array',
      hostnqn: options.hostnqn ?? testHostNqn,
    });
    const inCapsule = memory.u8.slice(at, at + 1024);
    this.#areas.push(at);
    return this.submit(
      (view, place, cid) =>
        writeConnectSqe(view, place, cid, qid, options.entries ?? 32, options.cattr ?? 0, options.kato ?? 0),
      { inCapsule },
    );
  }

  async getProperty(ofst: number, bytes: 4 | 8 = 4): Promise<Completion> {
    return this.submit((view, at, cid) => writePropertyGetSqe(view, at, cid, ofst, bytes));
  }

  async setProperty(ofst: number, low: number): Promise<Completion> {
    return this.submit((view, at, cid) => writePropertySetSqe(view, at, cid, ofst, 4, low, 0));
  }

  /** CC.EN = 1. */
  async enable(): Promise<void> {
    const { status } = await this.setProperty(0x14, 0x0046_0001);
    assert.equal(status, 0, 'CC could not be set');
  }

  onReady(): void {
    this.#ready.resolve();
  }

  onPdu(type: number, place: number, dataBytes: number): void {
    const { view } = this.io.memory;
    if (type === pduType.capsuleResp) {
      this.#complete(place + capsuleResp.cqe);
      return;
    }
    const cid = view.getUint16(place + dataPdu.cccid, true);
    const pending = this.#pending.get(cid);
    assert.ok(pending !== undefined, `a PDU of type ${type} for the unknown command ${cid}`);
    if (type === pduType.r2t) {
      const ttag = view.getUint16(place + r2t.ttag, true);
      this.lastTtag = ttag;
      pending.r2ts.push({
        offset: view.getUint32(place + r2t.r2to, true),
        length: view.getUint32(place + r2t.r2tl, true),
        ttag,
      });
      if (!this.holdData) this.answerR2t(cid, pending.r2ts.length - 1);
      return;
    }
    const offset = view.getUint32(place + dataPdu.datao, true);
    assert.equal(offset, pending.received, 'data of a read comes out of order');
    assert.ok(offset + dataBytes <= pending.bytes, 'more data than was asked for');
    pending.received += dataBytes;
    pending.pieces += 1;
    const flags = view.getUint8(place + ch.flags);
    const last = (flags & pduFlag.lastPdu) !== 0;
    assert.equal(last, pending.received === pending.bytes, 'LAST_PDU stands where the data does not end');
    const success = (flags & pduFlag.success) !== 0;
    this.connection.receiveData(pending.data + offset, success ? cid + 1 : 0);
  }

  /** Sends the data that R2T number `index` of a command asked for. */
  answerR2t(cid: number, index: number): void {
    const pending = this.#pending.get(cid);
    const asked = pending?.r2ts[index];
    assert.ok(pending !== undefined && asked !== undefined, 'no such R2T');
    const most = this.maxH2cData === 0 ? this.connection.maxH2cData : this.maxH2cData;
    for (let sent = 0; sent < asked.length; sent += most) {
      const bytes = Math.min(most, asked.length - sent);
      this.sendData(cid, asked.ttag, asked.offset + sent, bytes, sent + bytes === asked.length);
    }
  }

  /** Sends one H2CData as the test wants it, right or wrong. */
  sendData(cid: number, ttag: number, offset: number, bytes: number, last: boolean): void {
    const place = this.connection.reserve(dataPdu.bytes);
    assert.ok(place >= 0, 'the test host has no room to send');
    const { digests, alignment } = this.connection;
    const flags = last ? pduFlag.lastPdu : 0;
    writeDataHeader(this.io.memory.view, place, pduType.h2cData, digests, alignment, flags, cid, ttag, offset, bytes);
    const payload = this.#pending.get(cid)?.payload ?? this.#area();
    this.connection.queueWithData(place, payload + offset, bytes, 0);
    if (this.spoilPayload) this.io.memory.fill(payload + offset, 0xee, 1);
  }

  onData(cookie: number, intact: boolean): void {
    if (!intact) {
      assert.ok(this.toleratesWrongData, 'a data digest of the array is wrong');
      this.wrongData += 1;
    }
    if (cookie > 0) this.#finish(cookie - 1, { status: 0, dnr: false, dw0: 0, dw1: 0, sqhd: -1 });
  }

  #complete(at: number): void {
    const { view } = this.io.memory;
    const cid = cqeCid(view, at);
    this.#finish(cid, {
      status: cqeStatus(view, at),
      dnr: cqeDnr(view, at),
      dw0: cqeDw0(view, at),
      dw1: cqeDw1(view, at),
      sqhd: cqeSqhd(view, at),
    });
  }

  #finish(cid: number, how: Pick<Completion, 'status' | 'dnr' | 'dw0' | 'dw1' | 'sqhd'>): void {
    const pending = this.#pending.get(cid);
    assert.ok(pending !== undefined, `an answer to the unknown command ${cid}`);
    this.#pending.delete(cid);
    const { u8 } = this.io.memory;
    const data = u8.slice(pending.data, pending.data + pending.received);
    this.#areas.push(pending.data, pending.payload);
    const r2ts = pending.r2ts.map(({ offset, length }) => ({ offset, length }));
    pending.done.resolve({ ...how, data, pieces: pending.pieces, r2ts });
  }

  onSent(): void {
    // Areas are given back when the command is answered, which is later.
  }

  onSendRoom(): void {
    assert.fail('the test host ran out of room to send');
  }

  onBroken(how: Breakage): void {
    this.broken = how;
  }

  onDetached(): void {
    this.detached = true;
    this.#ready.reject(new Error(`the connection ended: ${this.broken}, errno ${this.connection.errno}`));
    this.#gone.resolve();
  }
}

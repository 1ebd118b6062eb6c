/** A controller's end of one I/O queue that does exactly what a test tells it, right or wrong. */
import assert from 'node:assert/strict';
import type { ListenerOwner, Socket, SocketOwner } from '../../io/contract.ts';
import type { SimIo } from '../../io/sim/sim-io.ts';
import { World } from '../../io/sim/world.ts';
import { Part, type PartOwner, type PathLimits } from '../contract.ts';
import { type Breakage, breakage } from './breakage.ts';
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.ts';
import { pduFlag, pduType, sqeBytes } from './constants.ts';
import { writeCqe } from './cqe.ts';
import { NvmePath } from './nvme-path.ts';
import { capsuleCmd, capsuleResp, dataPdu, r2t, writeCapsuleRespHeader, writeDataHeader, writeR2t } from './pdu.ts';
import { QueuePair, type QueuePairListener, type QueueTarget } from './queue-pair.ts';
import { sqeCid, sqeOpcode } from './sqe.ts';

const address = { host: '10.0.0.1', port: 4420 };
const inCapsuleBytes = 8192;
const areaBytes = 2 ** 21;

export interface SeenCommand {
  readonly opcode: number;
  readonly cid: number;
  readonly inCapsule: number;
}

export interface SeenData {
  readonly cid: number;
  readonly ttag: number;
  readonly datao: number;
  readonly datal: number;
  readonly last: boolean;
}

export class ScriptedTarget implements ConnectionOwner {
  readonly io: SimIo;
  readonly connection: Connection;
  readonly area: number;
  readonly commands: SeenCommand[] = [];
  readonly data: SeenData[] = [];
  /** Payload arrives here, at its offset in the command's data. */
  readonly arrived: number;
  connected = false;
  broken: Breakage = breakage.none;
  detached = false;
  dataSeen = 0;
  /** Takes no payload of H2CData until it is let go: what the host sends then stays with the host. */
  hold = false;

  constructor(io: SimIo, options: ConnectionOptions) {
    this.io = io;
    this.area = io.memory.allocate(areaBytes, 4096);
    this.arrived = io.memory.allocate(areaBytes, 4096);
    this.connection = new Connection(io, 'controller', this, { maxInCapsule: inCapsuleBytes, digests: 3, ...options });
  }

  onReady(): void {}
  onPdu(type: number, place: number, dataBytes: number): void {
    const { view } = this.io.memory;
    if (type === pduType.h2cData) {
      const datao = view.getUint32(place + dataPdu.datao, true);
      this.data.push({
        cid: view.getUint16(place + dataPdu.cccid, true),
        ttag: view.getUint16(place + dataPdu.ttag, true),
        datao,
        datal: dataBytes,
        last: (view.getUint8(place + 1) & pduFlag.lastPdu) !== 0,
      });
      if (!this.hold) this.connection.receiveData(this.arrived + datao, 0);
      return;
    }
    const at = place + capsuleCmd.sqe;
    const seen = { opcode: sqeOpcode(view, at), cid: sqeCid(view, at), inCapsule: dataBytes };
    if (dataBytes > 0) this.connection.receiveData(this.arrived, 0);
    if (!this.connected) {
      this.connected = true;
      this.respond(seen.cid, 0);
    } else {
      this.commands.push(seen);
    }
  }
  onData(): void {
    this.dataSeen += 1;
  }
  onSent(): void {}
  onSendRoom(): void {}
  onBroken(how: Breakage): void {
    this.broken = how;
  }
  onDetached(): void {
    this.detached = true;
  }

  letGo(): void {
    this.hold = false;
    this.connection.discardData();
  }

  respond(cid: number, status: number): void {
    const { connection } = this;
    const place = connection.reserve(capsuleResp.bytes);
    const { view } = this.io.memory;
    writeCapsuleRespHeader(view, place, connection.digests);
    writeCqe(view, place + capsuleResp.cqe, cid, 1, 0, status, 0, 0, 0);
    connection.queue(place);
  }

  sendData(cid: number, datao: number, bytes: number, flags: number): void {
    const { connection } = this;
    const place = connection.reserve(dataPdu.bytes);
    const { view } = this.io.memory;
    writeDataHeader(
      view,
      place,
      pduType.c2hData,
      connection.digests,
      connection.alignment,
      flags,
      cid,
      0,
      datao,
      bytes,
    );
    connection.queueWithData(place, this.area + datao, bytes, 0);
  }

  sendR2t(cid: number, ttag: number, offset: number, length: number): void {
    const { connection } = this;
    const place = connection.reserve(r2t.bytes);
    writeR2t(this.io.memory.view, place, connection.digests, cid, ttag, offset, length);
    connection.queue(place);
  }

  /** Bytes as they come, without any sense. */
  sendRaw(bytes: Uint8Array): void {
    const place = this.connection.reserve(sqeBytes);
    // A response header around them passes the queue; what is in it is overwritten before it is sent.
    writeCapsuleRespHeader(this.io.memory.view, place, 0);
    this.connection.queue(place);
    this.io.memory.u8.set(bytes.subarray(0, capsuleResp.bytes), place);
  }
}

const limits: PathLimits = {
  readBytes: 2 ** 20,
  writeBytes: 2 ** 20,
  writeZeroesBytes: 2 ** 20,
  discardBytes: 2 ** 20,
  boundaryBytes: 0,
  canWriteZeroes: true,
  canDiscard: true,
};

/** One queue pair and its scripted controller in a simulated world. */
export class Stage implements QueuePairListener, PartOwner {
  readonly world: World;
  readonly host: SimIo;
  readonly target: ScriptedTarget;
  readonly queue: QueuePair;
  readonly path: NvmePath;
  readonly ended: Part[] = [];
  /** Those whose buffer was let go of later than asked. */
  readonly let: Part[] = [];
  lost: Breakage = breakage.none;
  lostCount = 0;
  open = false;
  detached = 0;
  timeouts = 0;
  /** Commands that were to be called back. */
  readonly overdue: number[] = [];
  #parts = 0;

  constructor(seed: number, hostDigests: number, targetOptions: ConnectionOptions, timeoutMs = 0) {
    this.world = new World({ seed });
    this.host = this.world.io('host');
    this.target = new ScriptedTarget(this.world.io('array'), targetOptions);
    const options = {
      depth: 8,
      digests: hostDigests,
      timeoutMs,
      userTimeout: 0,
      handshakeMs: 1000,
      receiveBytes: 16384,
    };
    this.queue = new QueuePair(this.host, this, options);
    this.path = new NvmePath(this.queue, 'path', 1, 1, 4096, limits, true);
  }

  async begin(): Promise<void> {
    const owner: ListenerOwner = {
      onAccepted: (socket: Socket): SocketOwner => {
        this.target.connection.adopt(socket);
        return this.target.connection;
      },
      onListenerFailed: () => undefined,
    };
    await this.world.drive(this.target.io.listen(address, owner));
    const target: QueueTarget = {
      address,
      epoch: 1,
      qid: 1,
      cntlid: 1,
      ciu: 1,
      cirn: 1n,
      fenceMs: 30_000,
      hostid: '0'.repeat(32),
      hostnqn: 'nqn.2026-11.io.causeway:host',
      subnqn: 'nqn.2026-11.io.causeway:array',
      dhchap: null,
      depth: 8,
      inCapsuleBytes,
      retryDelaysMs: [0, 100, 200, 300],
    };
    this.queue.connect(target);
    await this.world.run({ until: () => this.open });
  }

  onQueueOpen(): void {
    this.open = true;
  }
  onQueueLost(_queue: QueuePair, how: Breakage): void {
    this.lost = how;
    this.lostCount += 1;
  }
  onCommandOverdue(_queue: QueuePair, cid: number): void {
    this.overdue.push(cid);
  }
  onQueueTimeout(): void {
    this.timeouts += 1;
  }
  onAccessDoubted(): void {}
  onQueueSuspected(): void {}
  onQueueDetached(): void {
    this.detached += 1;
  }
  onPart(part: Part): void {
    this.ended.push(part);
  }
  onDetached(part: Part): void {
    assert.ok(!this.ended.includes(part), 'a part was let go of after it had come back');
    this.let.push(part);
  }

  submit(operation: Part['op'], length: number, salt = 0): Part {
    const part = new Part(this.#parts);
    this.#parts += 1;
    part.op = operation;
    part.offset = 0;
    part.length = length;
    part.owner = this;
    part.buffer = this.host.memory.allocate(length, 4096);
    for (let i = 0; i < length; i += 1) this.host.memory.u8[part.buffer + i] = (i * 7 + salt) & 0xff;
    this.path.submit(part);
    return part;
  }

  async seen(commands: number): Promise<void> {
    await this.world.run({ until: () => this.target.commands.length === commands });
  }

  cid(index: number): number {
    return this.target.commands[index]?.cid ?? -1;
  }
}

/** Bytes that no host should send: the connection ends with a reason, everybody else goes on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { writeKeepAliveSqe } from '../fabric/nvme-tcp/admin-sqe.ts';
import { fes, pduType } from '../fabric/nvme-tcp/constants.ts';
import { capsuleCmd, ch, icReq, termReq, writeCapsuleCmdHeader, writeIcReq } from '../fabric/nvme-tcp/pdu.ts';
import { writeReadSqe, writeSqe } from '../fabric/nvme-tcp/sqe.ts';
import type { Deferred, Io, Socket, SocketOwner } from '../io/contract.ts';
import { type Scene, withArray } from './with-array.test.support.ts';

/** A bare socket that sends bytes and gathers what comes back until the array ends the connection. */
class Bytes implements SocketOwner {
  readonly ended: Deferred<void>;
  received: number[] = [];
  readonly #io: Io;
  readonly #place: number;
  readonly #send: Uint8Array[];
  readonly #socket: Socket;

  constructor(io: Io, port: number, ...send: Uint8Array[]) {
    this.#io = io;
    this.ended = io.deferred<void>();
    this.#place = io.memory.allocate(65536);
    this.#send = send;
    this.#socket = io.connect({ host: `10.0.0.${port}`, port: 4420 }, this);
  }

  onConnected(): void {
    this.#socket.receive(this.#place, 32768);
    this.onSent();
  }

  onSent(): void {
    const bytes = this.#send.shift();
    if (bytes === undefined) return;
    this.#io.memory.u8.set(bytes, this.#place + 32768);
    this.#socket.send(Int32Array.of(this.#place + 32768), Int32Array.of(bytes.length), 1);
  }

  onReceived(result: number): void {
    if (result <= 0) {
      this.#socket.abort();
      return;
    }
    this.received.push(...this.#io.memory.u8.subarray(this.#place, this.#place + result));
    this.#socket.receive(this.#place, 32768);
  }

  onClosed(): void {
    this.#io.memory.free(this.#place);
    this.ended.resolve();
  }

  /** FES of the termination request that came back, -1 if none came. */
  get fes(): number {
    const bytes = Uint8Array.from(this.received);
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (at + ch.bytes <= bytes.length) {
      const type = view.getUint8(at);
      if (type === pduType.c2hTermReq) return view.getUint16(at + termReq.fes, true);
      at += view.getUint32(at + ch.plen, true);
    }
    return -1;
  }
}

function made(bytes: number, write: (view: DataView) => void): Uint8Array {
  const data = new Uint8Array(bytes);
  write(new DataView(data.buffer));
  return data;
}

const hello = made(icReq.bytes, (view) => writeIcReq(view, 0, 0, 0, 1));
const keepAlive = (cid: number): Uint8Array =>
  made(capsuleCmd.bytes, (view) => {
    writeCapsuleCmdHeader(view, 0, 0, 0, 4);
    writeKeepAliveSqe(view, capsuleCmd.sqe, cid);
  });

async function unharmed({ admin, io }: Scene): Promise<void> {
  assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0);
  const queue = await io({ qid: 5 });
  const read = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 });
  assert.equal(read.status, 0);
}

const cases: readonly (readonly [name: string, expected: number, bytes: Uint8Array[]])[] = [
  ['not NVMe/TCP at all', -1, [new TextEncoder().encode('GET / HTTP/1.1\r\nHost: array\r\n\r\n')]],
  ['a command before ICReq', -1, [keepAlive(1)]],
  [
    'an unknown protocol version',
    fes.unsupportedParameter,
    [
      made(icReq.bytes, (view) => {
        writeIcReq(view, 0, 0, 0, 1);
        view.setUint16(icReq.pfv, 1, true);
      }),
    ],
  ],
  ['a second ICReq', fes.pduSequence, [hello, hello]],
  ['a PDU for hosts', fes.invalidHeaderField, [hello, made(24, (view) => view.setUint32(0, 5 | (24 << 16), true))]],
  ['an unknown type', fes.invalidHeaderField, [hello, made(24, (view) => view.setUint32(0, 0x55 | (24 << 16), true))]],
  [
    'a wrong header length',
    fes.invalidHeaderField,
    [
      hello,
      made(72, (view) => {
        writeCapsuleCmdHeader(view, 0, 0, 0, 4);
        view.setUint8(ch.hlen, 64);
      }),
    ],
  ],
  [
    'a digest that was not agreed to',
    fes.invalidHeaderField,
    [
      hello,
      made(76, (view) => {
        writeCapsuleCmdHeader(view, 0, 1, 0, 4);
        writeKeepAliveSqe(view, capsuleCmd.sqe, 0);
      }),
    ],
  ],
  [
    'more in-capsule data than 8192',
    fes.limitExceeded,
    [
      hello,
      made(72 + 8196, (view) => {
        writeCapsuleCmdHeader(view, 0, 0, 8196, 4);
      }),
    ],
  ],
  [
    'an absurd length',
    fes.limitExceeded,
    [
      hello,
      made(72, (view) => {
        writeCapsuleCmdHeader(view, 0, 0, 0, 4);
        view.setUint8(ch.pdo, 72);
        view.setUint32(ch.plen, 0xffff_fffc, true);
      }),
    ],
  ],
];

describe('a hostile host', () => {
  for (const [name, expected, bytes] of cases) {
    it(`sends ${name}`, () =>
      withArray({ seed: 71 }, async (scene) => {
        const stranger = new Bytes(scene.host, 1, ...bytes.map((piece) => piece.slice()));
        await stranger.ended.promise;
        assert.equal(stranger.fes, expected);
        await unharmed(scene);
      }));
  }

  it('uses a command identifier twice', () =>
    withArray({ seed: 72 }, async (scene) => {
      const queue = await scene.io();
      scene.array.faults.delayAnswers(1, 1000);
      for (let times = 0; times < 2; times += 1) {
        void queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 }, 7);
      }
      await queue.gone;
      assert.equal(queue.connection.fes, fes.invalidHeaderField);
      scene.array.faults.delayAnswers(1, 0);
      await unharmed(scene);
    }));

  it('sends far more commands than its queue holds', () =>
    withArray({ seed: 73, limits: { maxQueueEntries: 4 } }, async (scene) => {
      const queue = await scene.io({ entries: 4 });
      scene.array.faults.delayAnswers(1, 1000);
      for (let times = 0; times < 9; times += 1) {
        void queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 });
      }
      await queue.gone;
      assert.equal(queue.connection.fes, fes.limitExceeded);
      scene.array.faults.delayAnswers(1, 0);
      const { status } = await (await scene.io({ entries: 4, qid: 2 })).submit(
        (view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096),
        { read: 4096 },
      );
      assert.equal(status, 0);
    }));

  it('sends any bytes after ICReq', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 400 }), async (seed, noise) => {
        await withArray({ seed, connectTimeout: 200 }, async (scene) => {
          const stranger = new Bytes(scene.host, 1, hello.slice(), noise);
          await stranger.ended.promise;
          await unharmed(scene);
        });
      }),
      { numRuns: 60 },
    ));

  it('sends any entry, to the admin queue and to an I/O queue', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.boolean(),
        fc.constantFrom(0, 1, 2, 6, 8, 9, 0x0a, 0x0c, 0x18, 0x38, 0x7f),
        async (seed, entry, onAdmin, opcode) => {
          await withArray({ seed, ccrl: 1 }, async (scene) => {
            const victim = onAdmin ? (await scene.controller(2)).admin : await scene.io();
            const answered = victim.submit(
              (view, at, cid) => {
                for (let offset = 0; offset < 64; offset += 1) view.setUint8(at + offset, entry[offset]!);
                view.setUint8(at, opcode);
                view.setUint16(at + 2, cid, true);
                // Half of them with right flags and a descriptor that the transport knows, to get further.
                if ((seed & 1) === 0) {
                  const length = view.getUint32(at + 32, true);
                  writeSqe(view, at, opcode, cid, view.getUint32(at + 4, true) & 0x1ff, 0x5a, length & 0x3fff);
                  for (let offset = 40; offset < 64; offset += 1) view.setUint8(at + offset, entry[offset]!);
                }
              },
              { read: 2 ** 20, onRequest: new Uint8Array(2 ** 20) },
            );
            await Promise.race([answered, victim.gone, scene.host.sleep(100)]);
            victim.connection.abort();
            await victim.gone;
            await unharmed(scene);
          });
        },
      ),
      { numRuns: 150 },
    ));
});

/** What a host may do on a queue before it has proved who it is: nothing but that, in the right order, in time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostSide } from '../fabric/nvme-tcp/auth/host-side.ts';
import { compute } from '../fabric/nvme-tcp/auth/dh-work.ts';
import { failureReason, type Message, readMessage, writeMessage } from '../fabric/nvme-tcp/auth/messages.ts';
import type { GroupName } from '../fabric/nvme-tcp/auth/names.ts';
import type { DhchapSecrets } from '../fabric/nvme-tcp/auth/secret.ts';
import { writeAsyncEventRequestSqe, writeIdentifySqe, writeKeepAliveSqe } from '../fabric/nvme-tcp/admin-sqe.ts';
import {
  authreq,
  writeAuthenticationReceiveSqe,
  writeAuthenticationSendSqe,
  writeConnectSqe,
  writePropertyGetSqe,
} from '../fabric/nvme-tcp/fabrics-sqe.ts';
import { writeFlushSqe, writeReadSqe, writeWriteSqe } from '../fabric/nvme-tcp/sqe.ts';
import { type CommandData, type Completion, type RawQueue, testHostNqn } from './raw-host.test.support.ts';
import { pattern, type Scene, withArray } from './with-array.test.support.ts';

type Write = (view: DataView, at: number, cid: number) => void;

const hostnqn = 'nqn.2026-11.io.causeway:guarded';
const subnqn = 'nqn.2026-11.io.causeway:array';
const parties = { hostnqn, subnqn };
const secrets: DhchapSecrets = {
  host: { transform: 1, key: pattern(32, 1) },
  controller: { transform: 1, key: pattern(32, 2) },
};
const authenticationRequired = 0x191;

/** A scene whose own controller belongs to a host that needs no secret, in an array that knows one that does. */
function guarded(group: GroupName, play: (scene: Scene) => Promise<void>): Promise<void> {
  const dhchap = { hosts: [{ hostnqn, secrets }], hash: 'sha256', group, discovery: false } as const;
  return withArray({ seed: 3, hosts: [testHostNqn], dhchap, connectTimeout: 5000 }, play);
}

/** An admin queue of the host that has to authenticate; and its controller's id. */
async function connected(scene: Scene): Promise<{ admin: RawQueue; cntlid: number }> {
  const admin = await scene.open(1);
  const { status, dw0 } = await admin.connectQueue(0, { hostnqn });
  assert.equal(status, 0);
  assert.equal(dw0 & authreq.transaction, authreq.transaction);
  return { admin, cntlid: dw0 & 0xffff };
}

function send(queue: RawQueue, message: Uint8Array): Promise<Completion> {
  const write: Write = (view, at, cid) => writeAuthenticationSendSqe(view, at, cid, message.length);
  return queue.submit(write, { inCapsule: message });
}

function receive(queue: RawQueue, bytes = 2048): Promise<Completion> {
  return queue.submit((view, at, cid) => writeAuthenticationReceiveSqe(view, at, cid, bytes), { read: bytes });
}

/** As a host does it that knows the secrets, but for the last message. Returns that. */
async function proveAllButLast(scene: Scene, queue: RawQueue): Promise<Uint8Array> {
  const side = new HostSide(parties, secrets, (count) => scene.host.secretBytes(count));
  assert.equal((await send(queue, side.negotiate())).status, 0);
  const work = side.onChallenge((await receive(queue)).data);
  assert.equal((await send(queue, side.reply(await compute(scene.host, work)))).status, 0);
  const { last } = side.onAnswer((await receive(queue)).data);
  assert.ok(last !== null);
  return last;
}

async function prove(scene: Scene, queue: RawQueue): Promise<void> {
  assert.equal((await send(queue, await proveAllButLast(scene, queue))).status, 0);
}

/** The reason that the array gives; and that it ends the connection soon after. */
async function assertRefusal(scene: Scene, queue: RawQueue, reason: number): Promise<void> {
  const { status, data } = await receive(queue);
  assert.equal(status, 0);
  const message = readMessage(data);
  assert.deepEqual({ kind: message.kind, reason: 'reason' in message && message.reason }, { kind: 'failure1', reason });
  await assertEnded(scene, queue, 1000);
}

async function assertEnded(scene: Scene, queue: RawQueue, within: number): Promise<void> {
  const begin = scene.world.now;
  await queue.gone;
  assert.ok(scene.world.now - begin <= within, `it ended after ${scene.world.now - begin} ms`);
}

/** It asks for less than its descriptor has room for. */
function mismatch(view: DataView, at: number, cid: number): void {
  writeAuthenticationReceiveSqe(view, at, cid, 2048);
  view.setUint32(at + 44, 1024, true);
}

const adminCommands: readonly (readonly [name: string, write: Write, data?: CommandData])[] = [
  ['Property Get', (view, at, cid) => writePropertyGetSqe(view, at, cid, 0, 8)],
  ['Identify', (view, at, cid) => writeIdentifySqe(view, at, cid, 0, 1, 0), { read: 4096 }],
  ['Keep Alive', writeKeepAliveSqe],
  ['Asynchronous Event Request', writeAsyncEventRequestSqe],
  ['Connect', (view, at, cid) => writeConnectSqe(view, at, cid, 0, 32, 0, 0), { inCapsule: new Uint8Array(1024) }],
];

const ioCommands: readonly (readonly [name: string, write: Write, data?: CommandData])[] = [
  ['Read', (view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 }],
  [
    'Write',
    (view, at, cid) => writeWriteSqe(view, at, cid, 1, 0, 1, 4096, false, true),
    { inCapsule: new Uint8Array(4096).fill(0xbb) },
  ],
  ['Write by R2T', (view, at, cid) => writeWriteSqe(view, at, cid, 1, 0, 1, 4096, false, false)],
  ['Flush', (view, at, cid) => writeFlushSqe(view, at, cid, 1)],
];

describe('a queue whose host has to authenticate', () => {
  it('takes no other command before', async () => {
    await guarded('null', async (scene) => {
      const { admin, cntlid } = await connected(scene);
      for (const [name, write, data] of adminCommands) {
        const { status, dnr } = await admin.submit(write, data);
        assert.deepEqual({ status, dnr }, { status: authenticationRequired, dnr: true }, name);
      }
      const last = await proveAllButLast(scene, admin);
      assert.equal((await admin.getProperty(0x1c)).status, authenticationRequired, 'before its last message');
      await send(admin, last);
      await admin.enable();
      const io = await scene.open(1);
      const { status, dw0 } = await io.connectQueue(1, { hostnqn, cntlid });
      assert.equal(status, 0);
      assert.equal(dw0 & authreq.transaction, authreq.transaction, 'each queue is asked');
      for (const [name, write, data] of ioCommands) {
        assert.equal((await io.submit(write, data)).status, authenticationRequired, name);
      }
      await prove(scene, io);
      const read = await io.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 });
      assert.equal(read.status, 0);
      assert.deepEqual(read.data, new Uint8Array(4096), 'something was written');
    });
  });

  it('has no I/O queues before its admin queue is authenticated', async () => {
    await guarded('null', async (scene) => {
      const { cntlid } = await connected(scene);
      const io = await scene.open(1);
      assert.equal((await io.connectQueue(1, { hostnqn, cntlid })).status, 0x00c);
    });
  });

  it('ends in time if it does not', async () => {
    await guarded('null', async (scene) => {
      const { admin, cntlid } = await connected(scene);
      await prove(scene, admin);
      await admin.enable();
      const io = await scene.open(1);
      await io.connectQueue(1, { hostnqn, cntlid });
      await assertEnded(scene, io, 6000);
      assert.equal((await admin.getProperty(0x1c)).status, 0, 'the other queues are not concerned');
      const idle = await connected(scene);
      const begin = scene.world.now;
      // Whoever is busy with something else has no more time.
      while (!idle.admin.detached && scene.world.now - begin < 8000) {
        void idle.admin.getProperty(0x1c);
        await scene.host.sleep(200);
      }
      assert.ok(scene.world.now - begin < 6000);
    });
  });

  it('refuses authentication commands that are not as they should be', async () => {
    await guarded('null', async (scene) => {
      const { admin } = await connected(scene);
      for (const [place, value] of [
        [41, 0],
        [42, 2],
        [43, 0],
      ] as const) {
        const write: Write = (view, at, cid) => {
          writeAuthenticationReceiveSqe(view, at, cid, 2048);
          view.setUint8(at + place, value);
        };
        assert.equal((await admin.submit(write, { read: 2048 })).status, 0x002, `byte ${place}`);
      }
      assert.equal((await receive(admin, 8192)).status, 0x002);
      assert.equal((await admin.submit(mismatch, { read: 2048 })).status, 0x00f);
      await prove(scene, admin);
    });
  });

  const transaction = 1;
  const negotiate: Message = { kind: 'negotiate', transaction, secureChannel: 0, hashes: [1], groups: [0] };
  const reply: Message = {
    kind: 'reply',
    transaction,
    sequence: 1,
    response: new Uint8Array(32),
    challenge: null,
    publicValue: new Uint8Array(0),
  };
  const outOfTurn: readonly (readonly [string, readonly Message[], number])[] = [
    ['nothing', [], failureReason.incorrectMessage],
    ['an answer before the question', [reply], failureReason.incorrectMessage],
    ['a success of its own', [{ kind: 'success2', transaction }], failureReason.incorrectMessage],
    ['two negotiations', [negotiate, negotiate], failureReason.incorrectMessage],
    ['an answer before it heard the challenge', [negotiate, reply], failureReason.incorrectMessage],
    [
      'a message of the controller',
      [{ kind: 'success1', transaction, hashBytes: 32, response: null }],
      failureReason.incorrectMessage,
    ],
    ['no hash function that we want', [{ ...negotiate, hashes: [2, 3] }], failureReason.hashNotUsable],
    ['no group that we want', [{ ...negotiate, groups: [1] }], failureReason.groupNotUsable],
    ['a secure channel', [{ ...negotiate, secureChannel: 2 }], failureReason.secureChannelMismatch],
  ];
  for (const [name, messages, reason] of outOfTurn) {
    it(`says why, and ends, after ${name}`, async () => {
      await guarded('null', async (scene) => {
        const { admin } = await connected(scene);
        for (const message of messages) assert.equal((await send(admin, writeMessage(message))).status, 0);
        await assertRefusal(scene, admin, reason);
        assert.equal(scene.array.stats.authentications, 0);
        assert.equal(scene.array.stats.authenticationsRefused, 1);
      });
    });
  }

  it('says why, and ends, after bytes that are no message, and after a message cut short', async () => {
    await guarded('null', async (scene) => {
      for (const bytes of [new Uint8Array(16).fill(0xff), new Uint8Array(7), writeMessage(negotiate).subarray(0, 40)]) {
        const { admin } = await connected(scene);
        assert.equal((await send(admin, bytes)).status, 0);
        await assertRefusal(scene, admin, failureReason.incorrectPayload);
      }
    });
  });

  it('says why, and ends, after a wrong answer, or a value that is not fit', async () => {
    await guarded('ffdhe2048', async (scene) => {
      const value = new Uint8Array(256).fill(0x11);
      const answers: readonly (readonly [Message, number])[] = [
        [{ ...reply, publicValue: value }, failureReason.failed],
        [{ ...reply, publicValue: new Uint8Array(256) }, failureReason.incorrectPayload],
        [{ ...reply, publicValue: new Uint8Array(256).fill(0xff) }, failureReason.incorrectPayload],
        [{ ...reply, publicValue: new Uint8Array(512).fill(0x11) }, failureReason.incorrectPayload],
        [{ ...reply, response: new Uint8Array(48), publicValue: value }, failureReason.incorrectPayload],
        [{ ...reply, transaction: 2, publicValue: value }, failureReason.incorrectMessage],
      ];
      for (const [answer, reason] of answers) {
        const { admin } = await connected(scene);
        await send(admin, writeMessage({ ...negotiate, groups: [1] }));
        assert.equal(readMessage((await receive(admin)).data).kind, 'challenge');
        assert.equal((await send(admin, writeMessage(answer))).status, 0);
        await assertRefusal(scene, admin, reason);
      }
      assert.equal(scene.array.stats.authentications, 0);
    });
  });

  it('does not answer its own challenge', async () => {
    await guarded('null', async (scene) => {
      const { admin } = await connected(scene);
      await send(admin, writeMessage(negotiate));
      const challenge = readMessage((await receive(admin)).data);
      assert.ok(challenge.kind === 'challenge');
      await send(admin, writeMessage({ ...reply, challenge: challenge.challenge }));
      await assertRefusal(scene, admin, failureReason.failed);
    });
  });

  it('ends when it gave no room for a message, and when the host gives up', async () => {
    await guarded('null', async (scene) => {
      const { admin } = await connected(scene);
      await send(admin, writeMessage(negotiate));
      assert.equal((await receive(admin, 32)).status, 0x002);
      await assertEnded(scene, admin, 1000);
      const other = await connected(scene);
      await send(other.admin, writeMessage(negotiate));
      await receive(other.admin);
      await send(other.admin, writeMessage({ kind: 'failure2', transaction, reason: 1 }));
      await assertEnded(scene, other.admin, 1000);
    });
  });

  it('takes one command at a time, and survives the loss of its connection while it computes', async () => {
    await guarded('ffdhe2048', async (scene) => {
      // The second one may come when the first was answered already.
      const statuses = new Set<number>();
      for (let round = 0; round < 20; round += 1) {
        const { admin } = await connected(scene);
        await send(admin, writeMessage({ ...negotiate, groups: [1] }));
        const [first, second] = await Promise.all([receive(admin), receive(admin)]);
        assert.equal(first.status, 0);
        statuses.add(second.status);
        admin.connection.abort();
      }
      assert.deepEqual(statuses, new Set([0, 0x00c]));
      const other = await connected(scene);
      await send(other.admin, writeMessage({ ...negotiate, groups: [1] }));
      void receive(other.admin);
      await scene.host.sleep(0.05);
      scene.array.faults.cutPort(1);
      await other.admin.gone;
    });
  });
});

/** The two sides of the protocol, mouth to ear: who gets through, and what a meddler between them can bring about. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../../base/errors.ts';
import { Random } from '../../../base/random.ts';
import { ControllerSide } from './controller-side.ts';
import { computeNow, type DhResult, type DhWork, noDh } from './dh-work.ts';
import { HostSide, type SecretBytes } from './host-side.ts';
import { type Message, readMessage, writeMessage } from './messages.ts';
import { type Group, groupByName, type Hash, hashByName } from './names.ts';
import type { DhchapSecrets } from './secret.ts';

const parties = { hostnqn: 'nqn.2026-11.io.causeway:host', subnqn: 'nqn.2026-11.io.causeway:array' };
const sha256: Hash = hashByName('sha256') ?? assert.fail();
const none: Group = groupByName('null') ?? assert.fail();
const ffdhe2048: Group = groupByName('ffdhe2048') ?? assert.fail();

function key(salt: number): DhchapSecrets['host'] {
  return { transform: 1, key: new Uint8Array(32).fill(salt) };
}

function bytesFrom(seed: number): SecretBytes {
  const random = new Random(seed);
  return (count) => Uint8Array.from({ length: count }, () => random.below(256));
}

function computed(work: DhWork | null): DhResult {
  return work === null ? noDh : computeNow(work);
}

/** Changes a message on its way; `index` counts from 0 over both directions. */
type Meddler = (message: Uint8Array, index: number) => Uint8Array;

interface Outcome {
  /** What the host makes of it: how it is authenticated, or the code of its error. */
  readonly host: string;
  readonly controller: ControllerSide;
}

function talk(host: DhchapSecrets, array: DhchapSecrets, group: Group, meddle: Meddler, seed = 1): Outcome {
  const controller = new ControllerSide({ parties, secrets: array, hash: sha256, group }, bytesFrom(seed));
  const side = new HostSide(parties, host, bytesFrom(seed + 1));
  let index = -1;
  const send = (message: Uint8Array): void => {
    index += 1;
    const work = controller.onSent(meddle(message, index));
    if (work !== null) controller.onComputed(computed(work));
  };
  const fetch = (): Uint8Array => {
    index += 1;
    return meddle(controller.next(computed(controller.work)), index);
  };
  try {
    send(side.negotiate());
    send(side.reply(computed(side.onChallenge(fetch()))));
    const { how, last } = side.onAnswer(fetch());
    if (last !== null) send(last);
    return { host: how.isMutual ? 'mutual' : 'one way', controller };
  } catch (error) {
    assert.ok(error instanceof CausewayError, String(error));
    if (side.failure !== null) send(side.failure);
    return { host: error.code, controller };
  }
}

const honest: Meddler = (message) => message;
const oneWay: DhchapSecrets = { host: key(1), controller: null };
const mutual: DhchapSecrets = { host: key(1), controller: key(2) };

test('who knows the secrets gets through, whatever is asked', () => {
  for (const group of [none, ffdhe2048]) {
    for (const seed of [1, 2, 3]) {
      const one = talk(oneWay, mutual, group, honest, seed);
      assert.deepEqual([one.host, one.controller.step, one.controller.isMutual], ['one way', 'done', false]);
      const both = talk(mutual, mutual, group, honest, seed);
      assert.deepEqual([both.host, both.controller.step, both.controller.isMutual], ['mutual', 'done', true]);
    }
  }
});

test('who does not know them does not, and each side is told why by its own', () => {
  for (const group of [none, ffdhe2048]) {
    const stranger = talk({ host: key(9), controller: null }, mutual, group, honest);
    assert.deepEqual([stranger.host, stranger.controller.step], ['nvme-authentication-refused', 'refused']);
    const impostor = talk(mutual, { host: key(1), controller: key(9) }, group, honest);
    assert.deepEqual([impostor.host, impostor.controller.step], ['nvme-controller-not-authentic', 'refused']);
    // The host believes in its own secret only: one that is the array's as well proves nothing about the array.
    const mirror = talk({ host: key(1), controller: key(1) }, { host: key(1), controller: key(2) }, group, honest);
    assert.equal(mirror.host, 'nvme-controller-not-authentic');
  }
});

test('an answer that is left out is a wrong answer', () => {
  const { host } = talk(mutual, mutual, none, (message, index) => {
    if (index !== 3) return message;
    return writeMessage({
      kind: 'success1',
      transaction: readMessage(message).transaction,
      hashBytes: 32,
      response: null,
    });
  });
  assert.equal(host, 'nvme-controller-not-authentic');
});

test('no bit that counts can be changed on the way', () => {
  // Of each message in turn: where its values begin, which are all that follows. Those of a reply without a challenge of
  // its own are the response and the public value.
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 3), fc.nat(), fc.nat(7), (changed, place, bit) => {
      const { host, controller } = talk(mutual, mutual, ffdhe2048, (message, index) => {
        if (index !== changed) return message;
        const spoilt = message.slice();
        const at = 16 + (place % (message.length - 16));
        spoilt[at] = (spoilt[at] ?? 0) ^ (1 << bit);
        return spoilt;
      });
      assert.notEqual(host, 'mutual');
      assert.notEqual(controller.step, 'done');
    }),
    { numRuns: 60 },
  );
});

test('a meddler who writes what it likes brings neither side to believe it', () => {
  const kinds = fc.constantFrom<Message['kind']>('negotiate', 'challenge', 'reply', 'success1', 'success2', 'failure1');
  const value = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.array(fc.tuple(kinds, value), { maxLength: 12 }), fc.nat(5), (script, transaction) => {
      const controller = new ControllerSide({ parties, secrets: mutual, hash: sha256, group: none }, bytesFrom(5));
      for (const [kind, bytes] of script) {
        controller.onSent(writeMessage(forged(kind, transaction, bytes)));
        const fetched = readMessage(controller.next(computed(controller.work)));
        assert.notEqual(fetched.kind, 'success1');
        assert.notEqual(controller.step, 'done');
      }
    }),
  );
});

function forged(kind: Message['kind'], transaction: number, bytes: Uint8Array): Message {
  const empty = new Uint8Array(0);
  switch (kind) {
    case 'negotiate':
      return { kind, transaction, secureChannel: 0, hashes: [1], groups: [0] };
    case 'challenge':
      return { kind, transaction, hash: 1, group: 0, sequence: 1, challenge: bytes, publicValue: empty };
    case 'reply':
      return { kind, transaction, sequence: 1, response: bytes, challenge: bytes, publicValue: empty };
    case 'success1':
      return { kind, transaction, hashBytes: 32, response: bytes };
    case 'success2':
      return { kind, transaction };
    default:
      return { kind, transaction, reason: 1 };
  }
}

test('a host that is told nonsense says so, and gives up', () => {
  const answers: readonly (readonly [Message, string])[] = [
    [
      {
        kind: 'challenge',
        transaction: 0,
        hash: 9,
        group: 0,
        sequence: 1,
        challenge: new Uint8Array(32),
        publicValue: new Uint8Array(0),
      },
      'nvme-malformed',
    ],
    [
      {
        kind: 'challenge',
        transaction: 0,
        hash: 1,
        group: 9,
        sequence: 1,
        challenge: new Uint8Array(32),
        publicValue: new Uint8Array(0),
      },
      'nvme-malformed',
    ],
    [
      {
        kind: 'challenge',
        transaction: 0,
        hash: 2,
        group: 0,
        sequence: 1,
        challenge: new Uint8Array(32),
        publicValue: new Uint8Array(0),
      },
      'nvme-malformed',
    ],
    [
      {
        kind: 'challenge',
        transaction: 0,
        hash: 1,
        group: 0,
        sequence: 1,
        challenge: new Uint8Array(32),
        publicValue: new Uint8Array(8),
      },
      'nvme-malformed',
    ],
    [
      {
        kind: 'challenge',
        transaction: 0,
        hash: 1,
        group: 1,
        sequence: 1,
        challenge: new Uint8Array(32),
        publicValue: new Uint8Array(256),
      },
      'nvme-malformed',
    ],
    [{ kind: 'success1', transaction: 0, hashBytes: 32, response: null }, 'nvme-malformed'],
    [{ kind: 'failure1', transaction: 0, reason: 4 }, 'nvme-authentication-refused'],
  ];
  for (const [answer, code] of answers) {
    const side = new HostSide(parties, mutual, bytesFrom(3));
    const { transaction } = readMessage(side.negotiate());
    assert.throws(() => side.onChallenge(writeMessage({ ...answer, transaction })), { code });
    assert.equal(side.failure === null, code !== 'nvme-malformed');
    const other = new HostSide(parties, mutual, bytesFrom(3));
    other.negotiate();
    assert.throws(() => other.onChallenge(writeMessage({ ...answer, transaction: transaction ^ 1 })), {
      code: 'nvme-malformed',
      message: /another transaction/,
    });
  }
});

/**
 * The messages of DH-HMAC-CHAP (NVMe Base, "DH-HMAC-CHAP Protocol" and "Common Authentication Messages"), as the data of
 * Authentication Send and Receive. All of them begin with AUTH_TYPE 0, AUTH_ID 1, T_ID 4; lengths of values follow from
 * the message and are held against what came. A reader takes at least the message: a receive is longer than what it brings.
 */
import { assert } from '../../../base/assert.ts';
import { malformed } from '../wire.ts';
import { type Group, groups, type Hash, hashes } from './names.ts';

/** AUTH_TYPE: messages that all protocols share, and those of DH-HMAC-CHAP. */
const authType = { common: 0x00, dhchap: 0x01 } as const;

/** AUTH_ID. */
const authId = {
  negotiate: 0x00,
  challenge: 0x01,
  reply: 0x02,
  success1: 0x03,
  success2: 0x04,
  failure2: 0xf0,
  failure1: 0xf1,
} as const;

/** Identifier of DH-HMAC-CHAP among the protocols of AUTH_Negotiate. */
const protocolDhchap = 0x01;

/** Reason code explanation of a failure; the reason code is always 1, authentication failure. */
export const failureReason = {
  failed: 1,
  protocolNotUsable: 2,
  secureChannelMismatch: 3,
  hashNotUsable: 4,
  groupNotUsable: 5,
  incorrectPayload: 6,
  incorrectMessage: 7,
} as const;

export type FailureReason = (typeof failureReason)[keyof typeof failureReason];

const reasonTexts: Readonly<Record<number, string>> = {
  1: 'authentication failed',
  2: 'the authentication protocol is not usable',
  3: 'secure channel concatenation does not match',
  4: 'no hash function is usable',
  5: 'no Diffie-Hellman group is usable',
  6: 'incorrect payload',
  7: 'incorrect protocol message',
};

export function failureText(reason: number): string {
  return reasonTexts[reason] ?? `reason ${reason}`;
}

export interface Negotiate {
  readonly kind: 'negotiate';
  readonly transaction: number;
  /** SC_C: secure channel concatenation; 0 = none. */
  readonly secureChannel: number;
  /** Identifiers of hash functions and groups that the host offers, by its preference; of DH-HMAC-CHAP's descriptor. */
  readonly hashes: readonly number[];
  readonly groups: readonly number[];
}

export interface Challenge {
  readonly kind: 'challenge';
  readonly transaction: number;
  readonly hash: number;
  readonly group: number;
  /** S1. */
  readonly sequence: number;
  /** C1, as long as the digest. */
  readonly challenge: Uint8Array;
  /** Public value of the controller; empty without Diffie-Hellman. */
  readonly publicValue: Uint8Array;
}

export interface Reply {
  readonly kind: 'reply';
  readonly transaction: number;
  /** S2. */
  readonly sequence: number;
  readonly response: Uint8Array;
  /** C2; null: the host does not ask the controller to prove itself. */
  readonly challenge: Uint8Array | null;
  readonly publicValue: Uint8Array;
}

export interface Success1 {
  readonly kind: 'success1';
  readonly transaction: number;
  /** Null: the controller did not have to prove itself. */
  readonly response: Uint8Array | null;
  /** Length of a digest. */
  readonly hashBytes: number;
}

export interface Success2 {
  readonly kind: 'success2';
  readonly transaction: number;
}

export interface Failure {
  /** `failure1` comes from the controller, `failure2` from the host. */
  readonly kind: 'failure1' | 'failure2';
  readonly transaction: number;
  /** One of `failureReason`, from who keeps to it. */
  readonly reason: number;
}

export type Message = Negotiate | Challenge | Reply | Success1 | Success2 | Failure;

/** Offsets. */
const at = {
  type: 0,
  id: 1,
  transaction: 4,
  secureChannel: 6,
  protocols: 7,
  descriptors: 8,
  hashBytes: 6,
  hash: 8,
  group: 9,
  valid: 8,
  publicBytes: 10,
  sequence: 12,
  values: 16,
  reason: 6,
  explanation: 7,
} as const;

/** A protocol descriptor of AUTH_Negotiate, and where DH-HMAC-CHAP's has its lists. */
const descriptor = { bytes: 64, hashCount: 2, groupCount: 3, hashList: 4, groupList: 34, mostIds: 30 } as const;
const failureBytes = 8;
const leastBytes = 8;

/** No message is longer: two digests of 64 bytes and a value of ffdhe8192. */
const largestMessage = at.values + 2 * 64 + 1024;
/** What a host has room for when it fetches a message: all of them and some padding. */
export const receiveBytes = 2048;
assert(largestMessage <= receiveBytes, 'a message may be longer than there is room for it');

function begin(bytes: number, type: number, id: number, transaction: number): { out: Uint8Array; view: DataView } {
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  view.setUint8(at.type, type);
  view.setUint8(at.id, id);
  view.setUint16(at.transaction, transaction, true);
  return { out, view };
}

/** The bytes of a message, without any padding. */
export function writeMessage(message: Message): Uint8Array {
  switch (message.kind) {
    case 'negotiate':
      return writeNegotiate(message);
    case 'challenge':
      return writeChallenge(message);
    case 'reply':
      return writeReply(message);
    case 'success1':
      return writeSuccess1(message);
    case 'success2':
      return begin(at.values, authType.dhchap, authId.success2, message.transaction).out;
    default: {
      const id = message.kind === 'failure1' ? authId.failure1 : authId.failure2;
      const { out, view } = begin(failureBytes, authType.common, id, message.transaction);
      view.setUint8(at.reason, 1);
      view.setUint8(at.explanation, message.reason);
      return out;
    }
  }
}

function writeNegotiate(message: Negotiate): Uint8Array {
  const bytes = at.descriptors + descriptor.bytes;
  const { out, view } = begin(bytes, authType.common, authId.negotiate, message.transaction);
  view.setUint8(at.secureChannel, message.secureChannel);
  view.setUint8(at.protocols, 1);
  view.setUint8(at.descriptors, protocolDhchap);
  view.setUint8(at.descriptors + descriptor.hashCount, message.hashes.length);
  view.setUint8(at.descriptors + descriptor.groupCount, message.groups.length);
  out.set(message.hashes, at.descriptors + descriptor.hashList);
  out.set(message.groups, at.descriptors + descriptor.groupList);
  return out;
}

function writeChallenge(message: Challenge): Uint8Array {
  const { challenge, publicValue } = message;
  const bytes = at.values + challenge.length + publicValue.length;
  const { out, view } = begin(bytes, authType.dhchap, authId.challenge, message.transaction);
  view.setUint8(at.hashBytes, challenge.length);
  view.setUint8(at.hash, message.hash);
  view.setUint8(at.group, message.group);
  view.setUint16(at.publicBytes, publicValue.length, true);
  view.setUint32(at.sequence, message.sequence, true);
  out.set(challenge, at.values);
  out.set(publicValue, at.values + challenge.length);
  return out;
}

function writeReply(message: Reply): Uint8Array {
  const { response, challenge, publicValue } = message;
  const bytes = at.values + 2 * response.length + publicValue.length;
  const { out, view } = begin(bytes, authType.dhchap, authId.reply, message.transaction);
  view.setUint8(at.hashBytes, response.length);
  view.setUint8(at.valid, challenge === null ? 0 : 1);
  view.setUint16(at.publicBytes, publicValue.length, true);
  view.setUint32(at.sequence, message.sequence, true);
  out.set(response, at.values);
  if (challenge !== null) out.set(challenge, at.values + response.length);
  out.set(publicValue, at.values + 2 * response.length);
  return out;
}

function writeSuccess1(message: Success1): Uint8Array {
  const bytes = at.values + message.hashBytes;
  const { out, view } = begin(bytes, authType.dhchap, authId.success1, message.transaction);
  view.setUint8(at.hashBytes, message.hashBytes);
  if (message.response !== null) {
    view.setUint8(at.valid, 1);
    out.set(message.response, at.values);
  }
  return out;
}

/** @throws CausewayError `nvme-malformed` if it is no message of DH-HMAC-CHAP, or shorter than it says */
export function readMessage(bytes: Uint8Array): Message {
  if (bytes.length < leastBytes) throw malformed(`${bytes.length} bytes as an authentication message`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint8(at.type);
  const id = view.getUint8(at.id);
  const transaction = view.getUint16(at.transaction, true);
  if (type === authType.common) {
    if (id === authId.negotiate) return readNegotiate(bytes, view, transaction);
    if (id === authId.failure1 || id === authId.failure2) {
      const kind = id === authId.failure1 ? 'failure1' : 'failure2';
      return { kind, transaction, reason: view.getUint8(at.explanation) };
    }
  } else if (type === authType.dhchap) {
    if (bytes.length < at.values) throw tooShort(bytes);
    if (id === authId.challenge) return readChallenge(bytes, view, transaction);
    if (id === authId.reply) return readReply(bytes, view, transaction);
    if (id === authId.success1) return readSuccess1(bytes, view, transaction);
    if (id === authId.success2) return { kind: 'success2', transaction };
  }
  throw malformed(`an unknown authentication message (type ${type}, identifier ${id})`);
}

function tooShort(bytes: Uint8Array): Error {
  return malformed(`an authentication message of ${bytes.length} bytes that is longer by its own account`);
}

/** `length` bytes from `from` on, a copy. */
function take(bytes: Uint8Array, from: number, length: number): Uint8Array {
  if (from + length > bytes.length) throw tooShort(bytes);
  return bytes.slice(from, from + length);
}

function readNegotiate(bytes: Uint8Array, view: DataView, transaction: number): Negotiate {
  const count = view.getUint8(at.protocols);
  const secureChannel = view.getUint8(at.secureChannel);
  if (at.descriptors + count * descriptor.bytes > bytes.length) throw tooShort(bytes);
  for (let index = 0; index < count; index += 1) {
    const place = at.descriptors + index * descriptor.bytes;
    if (view.getUint8(place) !== protocolDhchap) continue;
    const hashCount = view.getUint8(place + descriptor.hashCount);
    const groupCount = view.getUint8(place + descriptor.groupCount);
    if (hashCount > descriptor.mostIds || groupCount > descriptor.mostIds) {
      throw malformed('an authentication protocol descriptor with too many identifiers');
    }
    return {
      kind: 'negotiate',
      transaction,
      secureChannel,
      hashes: [...take(bytes, place + descriptor.hashList, hashCount)],
      groups: [...take(bytes, place + descriptor.groupList, groupCount)],
    };
  }
  return { kind: 'negotiate', transaction, secureChannel, hashes: [], groups: [] };
}

function readChallenge(bytes: Uint8Array, view: DataView, transaction: number): Challenge {
  const hashBytes = view.getUint8(at.hashBytes);
  return {
    kind: 'challenge',
    transaction,
    hash: view.getUint8(at.hash),
    group: view.getUint8(at.group),
    sequence: view.getUint32(at.sequence, true),
    challenge: take(bytes, at.values, hashBytes),
    publicValue: take(bytes, at.values + hashBytes, view.getUint16(at.publicBytes, true)),
  };
}

function readReply(bytes: Uint8Array, view: DataView, transaction: number): Reply {
  const hashBytes = view.getUint8(at.hashBytes);
  const asks = (view.getUint8(at.valid) & 1) !== 0;
  return {
    kind: 'reply',
    transaction,
    sequence: view.getUint32(at.sequence, true),
    response: take(bytes, at.values, hashBytes),
    challenge: asks ? take(bytes, at.values + hashBytes, hashBytes) : null,
    publicValue: take(bytes, at.values + 2 * hashBytes, view.getUint16(at.publicBytes, true)),
  };
}

function readSuccess1(bytes: Uint8Array, view: DataView, transaction: number): Success1 {
  const hashBytes = view.getUint8(at.hashBytes);
  const isValid = (view.getUint8(at.valid) & 1) !== 0;
  return {
    kind: 'success1',
    transaction,
    hashBytes,
    response: isValid ? take(bytes, at.values, hashBytes) : null,
  };
}

/** What a host that knows all of it offers: the strongest first. */
export const offeredHashes: readonly number[] = hashes.map(({ id }: Hash) => id).toReversed();
export const offeredGroups: readonly number[] = groups.map(({ id }: Group) => id).toReversed();

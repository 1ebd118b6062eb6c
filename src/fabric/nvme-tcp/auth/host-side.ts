/**
 * The host's side of one DH-HMAC-CHAP transaction, without I/O: what it says, and what it makes of what it hears.
 *
 *   negotiate() → the controller's challenge → onChallenge() → compute → reply() → its answer → onAnswer()
 *
 * Whatever the controller sends that does not fit is a coded error; `failure` is then what to tell it, if anything.
 */
import { assert, defined } from '../../../base/assert.ts';
import { CausewayError } from '../../../base/errors.ts';
import { malformed } from '../wire.ts';
import { isFit } from './dh-groups.ts';
import type { DhResult, DhWork } from './dh-work.ts';
import {
  type Challenge,
  type FailureReason,
  failureReason,
  failureText,
  type Message,
  offeredGroups,
  offeredHashes,
  readMessage,
  writeMessage,
} from './messages.ts';
import { type Group, groupById, type GroupName, type Hash, hashById, type HashName } from './names.ts';
import { controllerResponse, hostResponse, isSame, type Parties } from './responses.ts';
import type { DhchapSecrets } from './secret.ts';

/** How a queue was authenticated. */
export interface Authenticated {
  readonly hash: HashName;
  readonly group: GroupName;
  /** The controller proved itself too. */
  readonly isMutual: boolean;
}

/** Bytes that nobody can foretell. */
export type SecretBytes = (count: number) => Uint8Array;

export class HostSide {
  /** What to tell the controller after an error (AUTH_Failure2); null: nothing. */
  failure: Uint8Array | null = null;
  readonly #parties: Parties;
  readonly #secrets: DhchapSecrets;
  readonly #random: SecretBytes;
  readonly #transaction: number;
  #step: 'negotiate' | 'challenge' | 'reply' | 'answer' | 'over' = 'negotiate';
  #challenge: Challenge | null = null;
  #hash: Hash | null = null;
  #group: Group | null = null;
  /** C2 and S2; and the shared value, of which both responses are made. */
  #ownChallenge: Uint8Array | null = null;
  #ownSequence = 0;
  #shared: Uint8Array | null = null;

  constructor(parties: Parties, secrets: DhchapSecrets, random: SecretBytes) {
    this.#parties = parties;
    this.#secrets = secrets;
    this.#random = random;
    this.#transaction = number16(random(2));
  }

  negotiate(): Uint8Array {
    assert(this.#step === 'negotiate', 'authentication is begun twice');
    this.#step = 'challenge';
    return writeMessage({
      kind: 'negotiate',
      transaction: this.#transaction,
      secureChannel: 0,
      hashes: offeredHashes,
      groups: offeredGroups,
    });
  }

  /**
   * The challenge, or why there is none. Returns what has to be computed for `reply`, null if nothing.
   * @throws CausewayError `nvme-authentication-refused`, `nvme-malformed`
   */
  onChallenge(bytes: Uint8Array): DhWork | null {
    assert(this.#step === 'challenge', 'a challenge is taken out of turn');
    this.#step = 'over';
    const message = this.#read(bytes);
    if (message.kind !== 'challenge') throw this.#unexpected(message, 'a challenge');
    const hash = hashById(message.hash);
    const group = groupById(message.group);
    if (hash === undefined) throw this.#fail(failureReason.hashNotUsable, `hash function ${message.hash}`);
    if (group === undefined) throw this.#fail(failureReason.groupNotUsable, `Diffie-Hellman group ${message.group}`);
    if (message.challenge.length !== hash.bytes) {
      throw this.#fail(failureReason.incorrectPayload, `a challenge of ${message.challenge.length} bytes`);
    }
    const peer = message.publicValue;
    if (group.bytes === 0 ? peer.length > 0 : !isFit(group, peer)) {
      throw this.#fail(failureReason.incorrectPayload, `an unfit value for ${group.name}`);
    }
    this.#challenge = message;
    this.#hash = hash;
    this.#group = group;
    this.#step = 'reply';
    if (group.bytes === 0) return null;
    return { group, privateKey: this.#random(group.exponentBits / 8), peer, isPublicWanted: true };
  }

  /** The answer to the challenge, with what was computed. */
  reply({ publicValue, shared }: DhResult): Uint8Array {
    assert(this.#step === 'reply', 'a challenge is answered out of turn');
    const { sequence, challenge } = defined(this.#challenge, 'a challenge');
    const hash = defined(this.#hash, 'a hash function');
    const transaction = this.#transaction;
    this.#step = 'answer';
    this.#shared = shared;
    const asked = { hash, challenge, sequence, transaction, shared };
    if (this.#secrets.controller !== null) this.#ownChallenge = this.#random(hash.bytes);
    // 0 would ask for a key for TLS.
    this.#ownSequence = (number16(this.#random(2)) * 0x1_0000 + number16(this.#random(2)) || 1) >>> 0;
    return writeMessage({
      kind: 'reply',
      transaction,
      sequence: this.#ownSequence,
      response: hostResponse(this.#secrets.host, this.#parties, asked),
      challenge: this.#ownChallenge,
      publicValue,
    });
  }

  /**
   * Success or failure. Returns how the queue is authenticated, and what is still to be said (Success2; null: nothing).
   * @throws CausewayError `nvme-authentication-refused`, `nvme-controller-not-authentic`, `nvme-malformed`
   */
  onAnswer(bytes: Uint8Array): { readonly how: Authenticated; readonly last: Uint8Array | null } {
    assert(this.#step === 'answer', 'an answer is taken out of turn');
    this.#step = 'over';
    const message = this.#read(bytes);
    if (message.kind !== 'success1') throw this.#unexpected(message, 'the end of the authentication');
    const hash = defined(this.#hash, 'a hash function');
    const how = { hash: hash.name, group: defined(this.#group, 'a group').name };
    const key = this.#secrets.controller;
    const challenge = this.#ownChallenge;
    if (key === null || challenge === null) return { how: { ...how, isMutual: false }, last: null };
    const transaction = this.#transaction;
    const asked = { hash, challenge, sequence: this.#ownSequence, transaction, shared: this.#shared };
    const right = controllerResponse(key, this.#parties, asked);
    // One that leaves its answer out proves as little as one whose answer is wrong.
    if (message.response === null || !isSame(message.response, right)) {
      this.#tell(failureReason.failed);
      throw new CausewayError(
        'nvme-controller-not-authentic',
        'The controller does not know the secret that it should.',
      );
    }
    return { how: { ...how, isMutual: true }, last: writeMessage({ kind: 'success2', transaction }) };
  }

  #read(bytes: Uint8Array): Message {
    try {
      const message = readMessage(bytes);
      if (message.transaction === this.#transaction) return message;
    } catch (error) {
      this.#tell(failureReason.incorrectPayload);
      throw error;
    }
    throw this.#fail(failureReason.incorrectMessage, 'an authentication message of another transaction');
  }

  #unexpected(message: Message, wanted: string): CausewayError {
    if (message.kind === 'failure1') {
      return new CausewayError(
        'nvme-authentication-refused',
        `The array refuses this host: ${failureText(message.reason)}.`,
      );
    }
    return this.#fail(failureReason.incorrectMessage, `a ${message.kind} in place of ${wanted}`);
  }

  #fail(reason: FailureReason, what: string): CausewayError {
    this.#tell(reason);
    return malformed(what);
  }

  #tell(reason: FailureReason): void {
    this.failure = writeMessage({ kind: 'failure2', transaction: this.#transaction, reason });
  }
}

function number16(bytes: Uint8Array): number {
  return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
}

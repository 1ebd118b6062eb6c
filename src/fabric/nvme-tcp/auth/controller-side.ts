/**
 * The controller's side of one DH-HMAC-CHAP transaction, without I/O. The host leads: each of its messages goes to `onSent`
 * (Authentication Send), each of ours is fetched with `next` (Authentication Receive). The steps only go forwards, so a
 * transaction ends after five messages; what comes out of turn ends it at once, as refused.
 *
 *   negotiate → challenge → reply → success1 (→ success2, if the host asked us to prove ourselves)
 */
import { CausewayError } from '../../../base/errors.ts';
import { isFit } from './dh-groups.ts';
import { type DhResult, type DhWork, noDh } from './dh-work.ts';
import { type FailureReason, failureReason, type Message, readMessage, type Reply, writeMessage } from './messages.ts';
import type { Group, Hash } from './names.ts';
import { controllerResponse, hostResponse, isSame, type Parties } from './responses.ts';
import type { DhchapSecrets } from './secret.ts';
import type { SecretBytes } from './host-side.ts';

/** Each step: what is waited for. */
export type ControllerStep =
  /** AUTH_Negotiate. */
  | 'negotiate'
  /** That the host fetches the challenge. */
  | 'challenge'
  /** The host's answer to it. */
  | 'reply'
  /** That the host fetches Success1. */
  | 'success1'
  /** Whether the host believes us. */
  | 'success2'
  /** It is authenticated. */
  | 'done'
  /** It is not: that the host fetches why. */
  | 'failure'
  /** It knows; the connection is to be ended. */
  | 'refused';

export interface ControllerPlan {
  readonly parties: Parties;
  readonly secrets: DhchapSecrets;
  /** What the host is asked to use. */
  readonly hash: Hash;
  readonly group: Group;
}

export class ControllerSide {
  step: ControllerStep = 'negotiate';
  /** The host asked us to prove ourselves, and believes us. */
  isMutual = false;
  readonly #plan: ControllerPlan;
  readonly #random: SecretBytes;
  #transaction = 0;
  #reason: FailureReason = failureReason.failed;
  #privateKey: Uint8Array = new Uint8Array(0);
  /** C1 and S1. */
  #challenge: Uint8Array = new Uint8Array(0);
  #sequence = 0;
  #reply: Reply | null = null;
  #response: Uint8Array | null = null;

  constructor(plan: ControllerPlan, random: SecretBytes) {
    this.#plan = plan;
    this.#random = random;
  }

  /** A message of the host. Returns what has to be computed and given to `onComputed`; null if nothing. Never throws. */
  onSent(bytes: Uint8Array): DhWork | null {
    let message: Message;
    try {
      message = readMessage(bytes);
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      return this.#fail(failureReason.incorrectPayload);
    }
    if (this.step === 'negotiate' && message.kind === 'negotiate') {
      this.#transaction = message.transaction;
      const { hash, group } = this.#plan;
      if (message.secureChannel !== 0) return this.#fail(failureReason.secureChannelMismatch);
      if (!message.hashes.includes(hash.id)) return this.#fail(failureReason.hashNotUsable);
      if (!message.groups.includes(group.id)) return this.#fail(failureReason.groupNotUsable);
      this.step = 'challenge';
      return null;
    }
    if (message.transaction !== this.#transaction) return this.#fail(failureReason.incorrectMessage);
    if (this.step === 'reply' && message.kind === 'reply') return this.#onReply(message);
    if (this.step === 'success2' && message.kind === 'success2') {
      this.isMutual = true;
      this.step = 'done';
      return null;
    }
    if (message.kind === 'failure2') {
      // There is nothing to tell a host that has given up.
      this.step = 'refused';
      return null;
    }
    return this.#fail(failureReason.incorrectMessage);
  }

  #onReply(message: Reply): DhWork | null {
    const { hash, group } = this.#plan;
    if (message.response.length !== hash.bytes) return this.#fail(failureReason.incorrectPayload);
    const peer = message.publicValue;
    if (group.bytes === 0 ? peer.length > 0 : !isFit(group, peer)) return this.#fail(failureReason.incorrectPayload);
    // A host that sends our own challenge back wants to have it answered by ourselves.
    if (message.challenge !== null && isSame(message.challenge, this.#challenge)) {
      return this.#fail(failureReason.failed);
    }
    this.#reply = message;
    if (group.bytes === 0) {
      this.onComputed(noDh);
      return null;
    }
    return { group, privateKey: this.#privateKey, peer, isPublicWanted: false };
  }

  /** What `onSent` asked to be computed: now it is known whether the host's answer is right. */
  onComputed({ shared }: DhResult): void {
    const reply = this.#reply;
    if (this.step !== 'reply' || reply === null) return;
    const { hash, parties, secrets } = this.#plan;
    const transaction = this.#transaction;
    const asked = { hash, challenge: this.#challenge, sequence: this.#sequence, transaction, shared };
    if (!isSame(reply.response, hostResponse(secrets.host, parties, asked))) {
      this.#fail(failureReason.failed);
      return;
    }
    if (reply.challenge !== null) {
      // We cannot prove ourselves to one who wants it.
      if (secrets.controller === null) {
        this.#fail(failureReason.failed);
        return;
      }
      const back = { ...asked, challenge: reply.challenge, sequence: reply.sequence };
      this.#response = controllerResponse(secrets.controller, parties, back);
    }
    this.step = 'success1';
  }

  /** What has to be computed before `next`; null if nothing. */
  get work(): DhWork | null {
    const { group } = this.#plan;
    if (this.step !== 'challenge' || group.bytes === 0) return null;
    this.#privateKey = this.#random(group.exponentBits / 8);
    return { group, privateKey: this.#privateKey, peer: null, isPublicWanted: true };
  }

  /** The message that the host fetches now, with what was computed for it. */
  next({ publicValue }: DhResult): Uint8Array {
    const transaction = this.#transaction;
    const { hash, group } = this.#plan;
    if (this.step === 'challenge') {
      this.#challenge = this.#random(hash.bytes);
      const [a = 0, b = 0, c = 0, d = 0] = this.#random(4);
      this.#sequence = ((a | (b << 8) | (c << 16) | (d << 24)) >>> 0) + (a + b + c + d === 0 ? 1 : 0);
      this.step = 'reply';
      const { id } = group;
      const sequence = this.#sequence;
      const challenge = this.#challenge;
      return writeMessage({
        kind: 'challenge',
        transaction,
        hash: hash.id,
        group: id,
        sequence,
        challenge,
        publicValue,
      });
    }
    if (this.step === 'success1') {
      this.step = this.#response === null ? 'done' : 'success2';
      return writeMessage({ kind: 'success1', transaction, hashBytes: hash.bytes, response: this.#response });
    }
    if (this.step !== 'failure') this.#fail(failureReason.incorrectMessage);
    this.step = 'refused';
    return writeMessage({ kind: 'failure1', transaction, reason: this.#reason });
  }

  #fail(reason: FailureReason): null {
    if (this.step !== 'refused') this.step = 'failure';
    this.#reason = reason;
    return null;
  }
}

/**
 * What the two sides hash (NVMe Base, "DH-HMAC-CHAP_Reply Message" and "DH-HMAC-CHAP_Success1 Message"):
 *
 *     Ca = C                                  without Diffie-Hellman
 *     Ca = HMAC(H(g^xy mod p), C)             with it, the shared value as long as the prime
 *     host:       HMAC(Kh, Ca1 ‖ S1 ‖ T_ID ‖ SC_C ‖ "HostHost"   ‖ NQNh ‖ 0 ‖ NQNc)
 *     controller: HMAC(Kc, Ca2 ‖ S2 ‖ T_ID ‖ SC_C ‖ "Controller" ‖ NQNc ‖ 0 ‖ NQNh)
 *
 * The roles' names keep an answer of one side from being one of the other.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Hash } from './names.ts';
import { type DhchapKey, transformedKey } from './secret.ts';

/** Who speaks to whom. */
export interface Parties {
  readonly hostnqn: string;
  readonly subnqn: string;
}

/** What one response answers. */
export interface Asked {
  readonly hash: Hash;
  readonly challenge: Uint8Array;
  readonly sequence: number;
  readonly transaction: number;
  /** Null without Diffie-Hellman. */
  readonly shared: Uint8Array | null;
}

export function hostResponse(key: DhchapKey, { hostnqn, subnqn }: Parties, asked: Asked): Uint8Array {
  return respond(transformedKey(key, hostnqn), asked, 'HostHost', hostnqn, subnqn);
}

export function controllerResponse(key: DhchapKey, { hostnqn, subnqn }: Parties, asked: Asked): Uint8Array {
  return respond(transformedKey(key, subnqn), asked, 'Controller', subnqn, hostnqn);
}

function respond(key: Uint8Array, asked: Asked, role: string, own: string, other: string): Uint8Array {
  const { hash, challenge, sequence, transaction, shared } = asked;
  const augmented =
    shared === null
      ? challenge
      : createHmac(hash.name, createHash(hash.name).update(shared).digest()).update(challenge).digest();
  // S (4 bytes), T_ID (2), SC_C (1, no secure channel).
  const numbers = Buffer.alloc(7);
  numbers.writeUInt32LE(sequence);
  numbers.writeUInt16LE(transaction, 4);
  return createHmac(hash.name, key)
    .update(augmented)
    .update(numbers)
    .update(role)
    .update(own)
    .update(Buffer.alloc(1))
    .update(other)
    .digest();
}

/** Whether two responses are the same, in a time that does not tell where they differ. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/**
 * The groups of RFC 7919. A prime of b bits is p = 2^b − 2^(b−64) + (⌊2^(b−130)·e⌋ + X)·2^64 − 1 with the base 2, so it is
 * computed from that instead of being written down; the tests prove that p and (p − 1) / 2 are primes.
 */
import { createDiffieHellman } from 'node:crypto';
import type { Group } from './names.ts';

const generator = Buffer.of(2);
/** Bits beyond the point, so that the rounding of 1,100 terms does not reach the last one that counts. */
const guardBits = 128n;

/** ⌊2^bits · e⌋, from e = Σ 1/n!. */
function scaledE(bits: bigint): bigint {
  let sum = 0n;
  let term = 1n << (bits + guardBits);
  for (let n = 1n; term > 0n; n += 1n) {
    sum += term;
    term /= n;
  }
  return sum >> guardBits;
}

const primes = new Map<number, Buffer>();

/** The group's prime, its most significant byte first. */
export function primeOf(group: Group): Buffer {
  let prime = primes.get(group.id);
  if (prime === undefined) {
    const bits = BigInt(group.bytes * 8);
    const value = (1n << bits) - (1n << (bits - 64n)) + ((scaledE(bits - 130n) + group.offset) << 64n) - 1n;
    prime = Buffer.from(value.toString(16), 'hex');
    primes.set(group.id, prime);
  }
  return prime;
}

function padded(value: Uint8Array, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  out.set(value, bytes - value.length);
  return out;
}

/** g^x mod p, as long as the prime. */
export function publicValueOf(group: Group, privateKey: Uint8Array): Uint8Array {
  const side = createDiffieHellman(primeOf(group), generator);
  side.setPrivateKey(privateKey);
  return padded(side.generateKeys(), group.bytes);
}

/** The peer's value to the power of x, as long as the prime. The peer's value `isFit`. */
export function sharedValueOf(group: Group, privateKey: Uint8Array, peer: Uint8Array): Uint8Array {
  const side = createDiffieHellman(primeOf(group), generator);
  side.setPrivateKey(privateKey);
  return padded(side.computeSecret(peer), group.bytes);
}

/**
 * Whether a peer's public value may be used: from 2 to p − 2. The others (0, 1, p − 1) make a shared value that everybody
 * knows; in these groups, whose (p − 1) / 2 are primes, there are no more of that kind.
 */
export function isFit(group: Group, peer: Uint8Array): boolean {
  if (peer.length === 0 || peer.length > group.bytes) return false;
  const value = padded(peer, group.bytes);
  const prime = primeOf(group);
  const last = group.bytes - 1;
  const isSmall = value.every((byte, index) => index === last || byte === 0) && (value[last] ?? 0) < 2;
  if (isSmall) return false;
  const largest = Buffer.from(prime);
  // p ends with 64 ones, so that p − 2 borrows nothing.
  largest[last] = (largest[last] ?? 0) - 2;
  return Buffer.compare(value, largest) <= 0;
}

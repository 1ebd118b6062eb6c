/**
 * Hash functions and Diffie-Hellman groups of DH-HMAC-CHAP: identifiers on the wire, names for people, lengths (NVMe Base,
 * "DH-HMAC-CHAP Protocol").
 */

export const hashNames = ['sha256', 'sha384', 'sha512'] as const;
export type HashName = (typeof hashNames)[number];

export interface Hash {
  readonly id: number;
  readonly name: HashName;
  /** Bytes of its digest. */
  readonly bytes: number;
}

export const hashes: readonly Hash[] = [
  { id: 1, name: 'sha256', bytes: 32 },
  { id: 2, name: 'sha384', bytes: 48 },
  { id: 3, name: 'sha512', bytes: 64 },
];

export const groupNames = ['null', 'ffdhe2048', 'ffdhe3072', 'ffdhe4096', 'ffdhe6144', 'ffdhe8192'] as const;
export type GroupName = (typeof groupNames)[number];

export interface Group {
  readonly id: number;
  readonly name: GroupName;
  /** Length of its prime and of every value, bytes; 0 = no Diffie-Hellman exchange. */
  readonly bytes: number;
  /** What the prime's definition adds, so that it is one (RFC 7919, appendix A). */
  readonly offset: bigint;
  /** Length of a private key, bits: twice the group's security strength at least (RFC 7919, section 5.2). */
  readonly exponentBits: number;
}

export const groups: readonly Group[] = [
  { id: 0, name: 'null', bytes: 0, offset: 0n, exponentBits: 0 },
  { id: 1, name: 'ffdhe2048', bytes: 256, offset: 560_316n, exponentBits: 256 },
  { id: 2, name: 'ffdhe3072', bytes: 384, offset: 2_625_351n, exponentBits: 288 },
  { id: 3, name: 'ffdhe4096', bytes: 512, offset: 5_736_041n, exponentBits: 352 },
  { id: 4, name: 'ffdhe6144', bytes: 768, offset: 15_705_020n, exponentBits: 384 },
  { id: 5, name: 'ffdhe8192', bytes: 1024, offset: 10_965_728n, exponentBits: 416 },
];

export function hashById(id: number): Hash | undefined {
  return hashes.find((hash) => hash.id === id);
}

export function hashByName(name: string): Hash | undefined {
  return hashes.find((hash) => hash.name === name);
}

export function groupByName(name: string): Group | undefined {
  return groups.find((group) => group.name === name);
}

export function groupById(id: number): Group | undefined {
  return groups.find((group) => group.id === id);
}

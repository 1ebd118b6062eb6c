/**
 * Secrets of DH-HMAC-CHAP as people keep them (NVMe Base, "DH-HMAC-CHAP", "Secret representation"):
 * `DHHC-1:hh:BASE64:`, where BASE64 is the key and its CRC-32, and hh says how the key is bound to the name of the side
 * that it belongs to: 00 it is used as it is, 01 to 03 by HMAC with SHA-256, SHA-384, SHA-512.
 *
 * A key is plain data, because it crosses threads. It goes nowhere else: no message, view or error has one.
 */
import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { CausewayError } from '../../../base/errors.ts';
import { hashById } from './names.ts';

export interface DhchapKey {
  /** Identifier of the hash function that binds it to a name; 0 = none. */
  readonly transform: number;
  /** 32, 48 or 64 bytes. */
  readonly key: Uint8Array;
}

/** What one side has to authenticate with. */
export interface DhchapSecrets {
  /** With which the host proves itself. */
  readonly host: DhchapKey;
  /** With which the controller proves itself; null: it does not have to. */
  readonly controller: DhchapKey | null;
}

const keyLengths: ReadonlySet<number> = new Set([32, 48, 64]);
const crcBytes = 4;

function bad(what: string): CausewayError {
  return new CausewayError('bad-secret', `The secret is not usable: ${what}.`);
}

/** @throws CausewayError `bad-secret`, whose message has nothing of the text */
export function parseSecret(text: string): DhchapKey {
  const match = /^DHHC-1:(\d\d):([A-Za-z0-9+/]+=*):?$/.exec(text.trim());
  if (match === null) throw bad('it is not of the form DHHC-1:hh:…:');
  const transform = Number(match[1]);
  if (transform !== 0 && hashById(transform) === undefined) throw bad(`hash function ${match[1]} is not known`);
  const encoded = match[2] ?? '';
  const bytes = Buffer.from(encoded, 'base64');
  // Node skips what it does not understand.
  if (bytes.toString('base64') !== encoded) throw bad('its key is not in Base64');
  const length = bytes.length - crcBytes;
  if (!keyLengths.has(length)) throw bad(`a key has 32, 48 or 64 bytes, and this one has ${Math.max(0, length)}`);
  const key = new Uint8Array(bytes.subarray(0, length));
  if (crc32(key) !== bytes.readUInt32LE(length)) throw bad('its checksum is wrong: part of it is missing or mistyped');
  return { transform, key };
}

/** The text that `parseSecret` reads. */
export function formatSecret({ transform, key }: DhchapKey): string {
  const bytes = Buffer.alloc(key.length + crcBytes);
  bytes.set(key);
  bytes.writeUInt32LE(crc32(key), key.length);
  return `DHHC-1:${String(transform).padStart(2, '0')}:${bytes.toString('base64')}:`;
}

/** The key that responses are made with: bound to the NQN of the side that it belongs to. */
export function transformedKey({ transform, key }: DhchapKey, nqn: string): Uint8Array {
  const hash = hashById(transform);
  if (hash === undefined) return key;
  return createHmac(hash.name, key).update(nqn).update('NVMe-over-Fabrics').digest();
}

/**
 * CRC32C, the header and data digest of NVMe/TCP (NVMe/TCP Transport, "Digests"; the polynomial is that of RFC 3720).
 * Digests are stored as a little-endian 32-bit number.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** Below this many bytes the table beats the call into native code and the view made for it (measured). */
const nativeFrom = 256;

/** Four tables of 256 words: the CRC of a byte followed by 0, 1, 2, 3 zero bytes. */
const table = makeTable();

function makeTable(): Int32Array {
  const words = new Int32Array(1024);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
    words[byte] = crc;
  }
  for (let i = 256; i < 1024; i += 1) {
    const shorter = words[i - 256]!;
    words[i] = (shorter >>> 8) ^ words[shorter & 0xff]!;
  }
  return words;
}

function tableCrc32c(bytes: Uint8Array, at: number, length: number, previous: number): number {
  let crc = ~previous;
  let i = at;
  const end = at + length;
  for (; end - i >= 4; i += 4) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc =
      table[768 + (crc & 0xff)]! ^
      table[512 + ((crc >>> 8) & 0xff)]! ^
      table[256 + ((crc >>> 16) & 0xff)]! ^
      table[crc >>> 24]!;
  }
  for (; i < end; i += 1) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/**
 * CRC32C of `length` bytes from `at` on. Data that lies in several buffers: give the result for the bytes before as
 * `previous` (0 to begin with). Short ranges (headers) allocate nothing; a long one makes one short-lived view, the price
 * of a data digest where one was negotiated.
 */
export function crc32c(bytes: Uint8Array, at: number, length: number, previous = 0): number {
  if (length < nativeFrom) return tableCrc32c(bytes, at, length, previous);
  return nativeCrc32c(bytes.subarray(at, at + length), previous);
}

/** Length of either digest in a PDU. */
export const digestBytes = 4;

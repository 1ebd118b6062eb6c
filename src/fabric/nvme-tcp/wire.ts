/**
 * Small pieces that all codecs of this room share: 64-bit numbers, fixed-width text, hexadecimal identifiers. Everything
 * on the wire is little endian (NVMe Base, "Byte, Word, and Dword Relationships"); identifiers are byte strings.
 */
import { CausewayError } from '../../base/errors.ts';

const two32 = 0x1_0000_0000;
/** High words from here on make a number that a double cannot hold exactly. */
const highWordLimit = 0x20_0000;

/**
 * The error for bytes that break the specification; `what` says which structure and how.
 */
export function malformed(what: string): CausewayError {
  return new CausewayError('nvme-malformed', `The array sent ${what}.`);
}

/** @throws CausewayError `nvme-malformed` if fewer than `bytes` bytes follow `at`. */
export function requireBytes(view: DataView, at: number, bytes: number, structure: string): void {
  if (!(at >= 0) || view.byteLength - at < bytes) {
    throw malformed(`${Math.max(0, view.byteLength - at)} bytes of ${structure} where ${bytes} are needed`);
  }
}

/**
 * A 64-bit number that must be below 2^53.
 * @throws CausewayError `nvme-too-large`
 */
export function readU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  if (high >= highWordLimit) {
    throw new CausewayError(
      'nvme-too-large',
      `The array reports the number 0x${view.getBigUint64(at, true).toString(16)}.`,
    );
  }
  return high * two32 + view.getUint32(at, true);
}

/** Writes a whole number from 0 to 2^53 - 1 as 64 bits. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, (value / two32) >>> 0, true);
}

/**
 * A 64-bit number as a double: exact below 2^53, and never smaller than 2^53 above. For comparisons on the data path,
 * where every limit is below 2^53.
 */
export function readU64Loose(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * two32 + view.getUint32(at, true);
}

/** Bytes of `view` from `at` on, without a copy. */
export function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

export function zero(view: DataView, at: number, length: number): void {
  bytesOf(view, at, length).fill(0);
}

/**
 * Fixed-width text as people may see it: ends at the first NUL, spaces around it cut, every byte that is not printable
 * ASCII shown as `?`. Hostile bytes can therefore neither break a terminal nor forge a line of a log.
 */
export function readText(view: DataView, at: number, length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1) {
    const byte = view.getUint8(at + i);
    if (byte === 0) break;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?';
  }
  return text.trim();
}

/** Writes ASCII text, cut to `length`, padded with `padding` (NVMe pads with spaces, NQN fields with NUL). */
export function writeText(view: DataView, at: number, length: number, text: string, padding: number): void {
  for (let i = 0; i < length; i += 1) {
    const unit = i < text.length ? text.charCodeAt(i) : padding;
    view.setUint8(at + i, unit < 0x80 ? unit : 0x3f);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * A NUL-terminated UTF-8 field such as an NQN. Null if the terminator is missing or the bytes are not UTF-8, so that the
 * caller answers as its side of the protocol asks.
 */
export function readUtf8(view: DataView, at: number, length: number): string | null {
  const field = bytesOf(view, at, length);
  const end = field.indexOf(0);
  if (end < 0) return null;
  try {
    // A copy: the decoder takes no bytes of shared memory.
    return decoder.decode(field.slice(0, end));
  } catch {
    return null;
  }
}

/** Writes text as UTF-8, NUL-padded. The caller has checked that it fits with its terminator; else it is cut. */
export function writeUtf8(view: DataView, at: number, length: number, text: string): void {
  const field = bytesOf(view, at, length);
  field.fill(0);
  field.set(encoder.encode(text).subarray(0, length - 1));
}

/** Bytes as lower-case hexadecimal digits, in order. */
export function readHex(view: DataView, at: number, length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1)
    text += view
      .getUint8(at + i)
      .toString(16)
      .padStart(2, '0');
  return text;
}

/** Writes `length` bytes from `2 * length` hexadecimal digits; hyphens (of a UUID) are skipped. */
export function writeHex(view: DataView, at: number, length: number, hex: string): void {
  const digits = hex.replaceAll('-', '');
  if (digits.length !== 2 * length || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new CausewayError('invalid-argument', `'${hex}' is not an identifier of ${2 * length} hexadecimal digits.`);
  }
  for (let i = 0; i < length; i += 1) view.setUint8(at + i, Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

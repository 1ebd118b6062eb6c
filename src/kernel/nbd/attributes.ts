/** Netlink attributes: include/uapi/linux/netlink.h. Little-endian, as every machine that we run on. */

const headerBytes = 4;
const flagBits = 0xc000;
const nestedFlag = 0x8000;

export type Attribute = readonly [type: number, value: number | bigint | string | readonly Attribute[]];

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Numbers become u32, bigints u64, texts end with a zero byte, lists nest. */
function encodeValue(value: Attribute[1]): Uint8Array {
  if (typeof value === 'number') return new Uint8Array(new Uint32Array([value]).buffer);
  if (typeof value === 'bigint') return new Uint8Array(new BigUint64Array([value]).buffer);
  if (typeof value === 'string') return new TextEncoder().encode(`${value}\0`);
  return encodeAttributes(value);
}

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const parts = attributes.map(([type, value]) => ({
    type: typeof value === 'object' ? type | nestedFlag : type,
    bytes: encodeValue(value),
  }));
  const total = parts.reduce((sum, { bytes }) => sum + padded(headerBytes + bytes.length), 0);
  const all = new Uint8Array(total);
  const view = new DataView(all.buffer);
  let at = 0;
  for (const { type, bytes } of parts) {
    view.setUint16(at, headerBytes + bytes.length, true);
    view.setUint16(at + 2, type, true);
    all.set(bytes, at + headerBytes);
    at += padded(headerBytes + bytes.length);
  }
  return all;
}

/** The attributes of a stretch of a message, by type, the last of each; null if the stretch is malformed. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> | null {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < headerBytes) return null;
    const length = view.getUint16(at, true);
    if (length < headerBytes || length > bytes.length - at) return null;
    found.set(view.getUint16(at + 2, true) & ~flagBits, bytes.subarray(at + headerBytes, at + length));
    // The last one need not be padded.
    at += padded(length);
  }
  return found;
}

/** Null if it has another length. */
export function uint16Of(value: Uint8Array | undefined): number | null {
  if (value?.length !== 2) return null;
  return new DataView(value.buffer, value.byteOffset, 2).getUint16(0, true);
}

export function uint32Of(value: Uint8Array | undefined): number | null {
  if (value?.length !== 4) return null;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
}

/** Up to the first zero byte. */
export function textOf(value: Uint8Array | undefined): string | null {
  if (value === undefined) return null;
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}

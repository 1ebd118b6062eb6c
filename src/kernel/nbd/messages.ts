/** Generic netlink messages: include/uapi/linux/netlink.h, genetlink.h. What comes in may be anything. */
import { type Attribute, encodeAttributes, parseAttributes, textOf } from './attributes.ts';

const messageHeaderBytes = 16;
const genericHeaderBytes = 4;

/** nlmsghdr: length, type, flags, sequence number, port */
const field = { length: 0, type: 4, flags: 6, sequence: 8 } as const;

const messageType = { error: 2, done: 3 } as const;
/** Types below are netlink's own. */
const lowestFamily = 0x10;
const flag = { request: 1, acknowledge: 4, capped: 0x100, attributes: 0x200 } as const;
/** NLMSGERR_ATTR_MSG: the kernel's own words. */
const errorText = 1;

export interface GenericRequest {
  readonly family: number;
  readonly command: number;
  readonly version: number;
  readonly attributes: readonly Attribute[];
}

/** A message that asks for an acknowledgement. */
export function encodeRequest(request: GenericRequest, sequence: number): Uint8Array {
  const attributes = encodeAttributes(request.attributes);
  const bytes = new Uint8Array(messageHeaderBytes + genericHeaderBytes + attributes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(field.length, bytes.length, true);
  view.setUint16(field.type, request.family, true);
  view.setUint16(field.flags, flag.request | flag.acknowledge, true);
  view.setUint32(field.sequence, sequence, true);
  bytes[messageHeaderBytes] = request.command;
  bytes[messageHeaderBytes + 1] = request.version;
  bytes.set(attributes, messageHeaderBytes + genericHeaderBytes);
  return bytes;
}

export type Incoming =
  /** The end of a request: 0, or a positive errno, with the kernel's words if it has some. */
  | { readonly kind: 'end'; readonly sequence: number; readonly errno: number; readonly text: string | null }
  | {
      readonly kind: 'answer';
      readonly sequence: number;
      readonly family: number;
      readonly command: number;
      readonly attributes: ReadonlyMap<number, Uint8Array>;
    };

/** The messages of one datagram; null if it is malformed. */
export function parseDatagram(bytes: Uint8Array): Incoming[] | null {
  const messages: Incoming[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < messageHeaderBytes) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    const length = view.getUint32(field.length, true);
    if (length < messageHeaderBytes || length > bytes.length - at) return null;
    const message = parseMessage(bytes.subarray(at, at + length));
    if (message === 'malformed') return null;
    if (message !== null) messages.push(message);
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Null: nothing that means anything to us. */
function parseMessage(bytes: Uint8Array): Incoming | null | 'malformed' {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(field.type, true);
  const sequence = view.getUint32(field.sequence, true);
  if (type === messageType.error || type === messageType.done) return parseEnd(bytes, view, sequence);
  if (type < lowestFamily) return null;
  const body = messageHeaderBytes + genericHeaderBytes;
  if (bytes.length < body) return 'malformed';
  const attributes = parseAttributes(bytes.subarray(body));
  if (attributes === null) return 'malformed';
  return { kind: 'answer', sequence, family: type, command: bytes[messageHeaderBytes]!, attributes };
}

/** nlmsgerr: the error, the header of what was asked, all of it unless it was capped, then attributes. */
function parseEnd(bytes: Uint8Array, view: DataView, sequence: number): Incoming | 'malformed' {
  if (bytes.length < messageHeaderBytes + 4) return 'malformed';
  const errno = 0 - view.getInt32(messageHeaderBytes, true);
  if (errno < 0) return 'malformed';
  return { kind: 'end', sequence, errno, text: errorTextOf(bytes, view) };
}

function errorTextOf(bytes: Uint8Array, view: DataView): string | null {
  const flags = view.getUint16(field.flags, true);
  const asked = messageHeaderBytes + 4;
  if ((flags & flag.attributes) === 0 || bytes.length < asked + messageHeaderBytes) return null;
  const askedBytes = (flags & flag.capped) === 0 ? view.getUint32(asked + field.length, true) : messageHeaderBytes;
  const start = asked + ((askedBytes + 3) & ~3);
  if (askedBytes < messageHeaderBytes || start > bytes.length) return null;
  return textOf(parseAttributes(bytes.subarray(start))?.get(errorText));
}

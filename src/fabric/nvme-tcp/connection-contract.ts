/** What a connection and its owner promise each other, and how it can be set up. */
import type { Breakage } from './breakage.ts';

export type Role = 'host' | 'controller';

/** Where a connection tells what happened. No call comes from inside a call of the connection's own methods. */
export interface ConnectionOwner {
  /** ICReq and ICResp were exchanged: PDUs may be sent. */
  onReady(): void;
  /**
   * A PDU with a header that is right in itself (types that this role receives; digest, lengths and bounds checked)
   * stands at `place` in memory. With `dataBytes` > 0 the connection receives nothing more until `receiveData` or
   * `discardData` was called; the header stays in place until then, otherwise until this returns.
   */
  onPdu(type: number, place: number, dataBytes: number): void;
  /** The payload of `receiveData` is there. `intact` is false if its digest was wrong; the connection goes on. */
  onData(cookie: number, intact: boolean): void;
  /** After `dropData` said false: nothing refers to that place any more. Only for who calls it. */
  onDropped?(cookie: number): void;
  /** The memory of the payload that was queued with `cookie` is free of the send (once for each `queueWithData`). */
  onSent(cookie: number): void;
  /** `reserve` returned -1 before and may succeed now. */
  onSendRoom(): void;
  /** It is over; `onDetached` follows. `connection.errno`, `fes` and `fei` tell more. Sends may still be under way. */
  onBroken(how: Breakage): void;
  /** No operation refers to any buffer any more. Called once for each `open` or `adopt`. */
  onDetached(): void;
}

export interface ConnectionOptions {
  /** Host: asked for. Controller: agreed to when asked. Bits of `digestBit`. */
  readonly digests?: number;
  /** Host: R2Ts of one command that we take at once (1 or more). */
  readonly maxR2t?: number;
  /** Controller: MAXH2CDATA, a multiple of 4 and at least 4096. */
  readonly maxH2cData?: number;
  /** The most payload one received data PDU may bring. Controller: MAXH2CDATA if left out. */
  readonly maxData?: number;
  /** Controller: the most data in one command capsule; `setMaxInCapsule` changes it. */
  readonly maxInCapsule?: number;
  /** Size of the receive buffer, bytes. */
  readonly receiveBytes?: number;
  /** Room for headers that were not sent yet, bytes. */
  readonly stagingBytes?: number;
  /** Pieces (headers, payloads) that can wait to be sent; a power of two. */
  readonly segments?: number;
  /** Bound on connecting plus ICReq / ICResp, milliseconds. */
  readonly handshakeMs?: number;
  /** TCP_USER_TIMEOUT, milliseconds. */
  readonly userTimeout?: number;
}

/** What is left out of the options. */
export const connectionDefaults = {
  digests: 0,
  maxR2t: 1,
  maxH2cData: 128 * 1024,
  maxInCapsule: 0,
  receiveBytes: 256 * 1024,
  stagingBytes: 64 * 1024,
  segments: 1024,
  handshakeMs: 5000,
} as const;

/** A host's bound where it gives none: no transfer of ours is larger, and a peer that announces more is not believed. */
export const defaultMaxData = 16 * 1024 * 1024;

/** Options with their defaults; what has none may still be left out. */
export type CompleteOptions = ConnectionOptions & { readonly [Name in keyof typeof connectionDefaults]: number };

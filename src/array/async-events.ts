/**
 * Asynchronous events of one controller (NVM Express Base 2.1, 5.1.2): the host parks Asynchronous Event Requests, the
 * controller answers one for each event. An event that was reported is masked until the host reads its log page; one
 * that happens while no request is parked waits for the next.
 */
import { asyncEventDword } from '../fabric/nvme-tcp/admin-sqe.ts';
import { asyncEventBit, asyncEventType, logPageId, noticeInfo } from '../fabric/nvme-tcp/constants.ts';
import type { Command } from './command.ts';

export const eventKind = {
  namespaceAttribute: 0,
  ana: 1,
  discovery: 2,
  crossControllerReset: 3,
} as const;

export type EventKind = (typeof eventKind)[keyof typeof eventKind];

interface EventRow {
  /** Its bit in the Asynchronous Event Configuration feature and in OAES. */
  readonly bit: number;
  /** Asynchronous Event Information. */
  readonly info: number;
  /** Log page that tells more, and whose reading unmasks the event. */
  readonly lid: number;
}

/** Cross-controller reset completed: bit 20 of OAES and of the feature (NVMe Base 2.3). */
const crossControllerResetBit = 0x10_0000;

/** By kind. */
const rows: readonly EventRow[] = [
  {
    bit: asyncEventBit.namespaceAttributeNotices,
    info: noticeInfo.namespaceAttributeChanged,
    lid: logPageId.changedNamespaces,
  },
  { bit: asyncEventBit.anaChangeNotices, info: noticeInfo.anaChange, lid: logPageId.ana },
  { bit: asyncEventBit.discoveryLogChange, info: noticeInfo.discoveryLogChange, lid: logPageId.discovery },
  {
    bit: crossControllerResetBit,
    info: noticeInfo.crossControllerResetCompleted,
    lid: logPageId.crossControllerReset,
  },
];

const state = { idle: 0, pending: 1, masked: 2 } as const;

/** The bits of the events a controller offers, for OAES and for what Set Features may switch on. */
export function eventBits(kinds: readonly EventKind[]): number {
  let bits = 0;
  for (const kind of kinds) bits |= rows[kind]!.bit;
  return bits >>> 0;
}

export class AsyncEvents {
  readonly #most: number;
  readonly #parked: Command[] = [];
  readonly #states = new Uint8Array(rows.length);
  readonly #answer: (command: Command, dword0: number) => void;
  /** The feature's value: which events the host wants. */
  enabled = 0;

  /** `most` is AERL + 1. `answer` completes a parked command. */
  constructor(most: number, answer: (command: Command, dword0: number) => void) {
    this.#most = most;
    this.#answer = answer;
  }

  /** Parks a request; false if there are too many. */
  park(command: Command): boolean {
    if (this.#parked.length >= this.#most) return false;
    this.#parked.push(command);
    this.#deliver();
    return true;
  }

  /** Takes a parked request out, for Abort. */
  unpark(command: Command): boolean {
    const place = this.#parked.indexOf(command);
    if (place < 0) return false;
    this.#parked.splice(place, 1);
    return true;
  }

  /** Something happened. */
  raise(kind: EventKind): void {
    const row = rows[kind]!;
    if ((this.enabled & row.bit) === 0 || this.#states[kind] !== state.idle) return;
    this.#states[kind] = state.pending;
    this.#deliver();
  }

  /** A log page was read (without "retain asynchronous event"): its event may be reported again. */
  wasRead(lid: number): void {
    for (const [kind, row] of rows.entries()) if (row.lid === lid) this.#states[kind] = state.idle;
  }

  /** Forgets everything: the controller was reset, or its admin queue is gone. Parked requests end without answer. */
  clear(): Command[] {
    this.#states.fill(state.idle);
    this.enabled = 0;
    return this.#parked.splice(0);
  }

  #deliver(): void {
    for (const [kind, row] of rows.entries()) {
      if (this.#states[kind] !== state.pending) continue;
      const command = this.#parked.shift();
      if (command === undefined) return;
      this.#states[kind] = state.masked;
      this.#answer(command, asyncEventDword(asyncEventType.notice, row.info, row.lid));
    }
  }
}

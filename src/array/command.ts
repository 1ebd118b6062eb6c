/**
 * A command slot of a queue: made when the queue is made, used again and again. It follows one command from its capsule
 * to the last byte of its answer, and, when its connection dies on the way, to the point where nothing refers to its
 * buffer any more.
 */
import { type Completer, Request } from '../block/request.ts';
import { sqeBytes } from '../fabric/nvme-tcp/constants.ts';
import type { Io } from '../io/contract.ts';
import type { BufferPool, BufferWaiter } from './buffers.ts';
import type { Volume } from './volume.ts';
import type { CacheWork } from './write-cache.ts';

/** Where a command stands. */
export const phase = {
  idle: 0,
  /** It waits for a buffer. */
  starved: 1,
  /** Its data comes with the capsule. */
  receiving: 2,
  /** Its data was asked for with R2T. */
  gathering: 3,
  /** A fault delays its execution. */
  held: 4,
  /** The device or the admin side works on it: it cannot be called back. */
  executing: 5,
  /** A fault delays its answer. */
  delayed: 6,
  /** Its answer is being sent. */
  answering: 7,
  /** An Asynchronous Event Request that waits for its event. */
  parked: 8,
  /** Its connection is gone, but it will be executed later: a ghost. */
  ghost: 9,
  /** A fault keeps it from being executed until it is aborted. */
  hung: 10,
} as const;

export type Phase = (typeof phase)[keyof typeof phase];

/** What a slot calls when something it waited for has come. */
export interface CommandOwner {
  /** A fault held its execution back, or let it hang, and lets it go now. */
  heldExecution(command: Command): void;
  /** A fault held its answer back, and lets it go now. */
  heldAnswer(command: Command): void;
  /** A ghost's time has come: it is executed, and nobody is told. */
  ghostExecution(command: Command): void;
  onCommandBuffer(command: Command): void;
  onCommandExecuted(command: Command): void;
}

/** R2Ts outstanding at most for one command; the transfer tag is `slot × r2tPlaces + place`. */
export const r2tPlaces = 8;

export class Command implements BufferWaiter, CacheWork, Completer {
  readonly tag: number;
  readonly owner: CommandOwner;
  readonly request: Request;
  phase: Phase = phase.idle;
  /** The connection is gone: nothing is answered any more. */
  orphan = false;

  // From the submission queue entry.
  cid = 0;
  opcode = 0;
  nsid = 0;
  /** The whole entry, in slots that carry admin or fabrics commands: what they read may be needed after their data. */
  readonly sqe: DataView | null;

  // I/O commands.
  volume: Volume | null = null;
  /** Bytes from the start of the volume. */
  offset = Number.NaN;
  /** Bytes the command speaks of. */
  length = Number.NaN;
  /** Request flags of the block layer. */
  flags = 0;
  /** Of dataset management: ranges in all, and the one whose turn it is. */
  ranges = 0;
  rangeAt = 0;
  deallocates = false;
  /** Of reservation commands. */
  cdw10 = 0;
  /** Number of the controller, for the write cache. */
  cacheOwner = 0;

  // Payload.
  /** Place of the buffer, -1 for none, and the pool it goes back to, null for none. */
  buffer = -1;
  pool: BufferPool | null = null;
  /** Bytes that travel between host and array. */
  dataLength = 0;
  /** True: from the array to the host. */
  toHost = false;
  /** Bytes that have come from the host, or were given to the connection for it. */
  moved = 0;
  /** Bytes asked for with R2T so far. */
  asked = 0;
  r2tOutstanding = 0;
  /** For each R2T place: the offset that comes next, and where the R2T ends; both 0 when free. */
  readonly r2tAt = new Int32Array(r2tPlaces);
  readonly r2tEnd = new Int32Array(r2tPlaces);

  // Answer.
  status = 0;
  dword0 = 0;
  dword1 = 0;
  /** Sends of the payload that still refer to the buffer. */
  sends = 0;
  /** The last byte of the answer was given to the connection. */
  answered = false;
  /** It stands in the ring of those that wait for room to send. */
  waitsToSend = false;

  // Links of whoever holds the command; each is in one list at a time.
  nextWaiter: BufferWaiter | null = null;
  nextWork: CacheWork | null = null;
  nextHeld: Command | null = null;
  previousHeld: Command | null = null;
  /** When a delay of this command is over, milliseconds of the clock. */
  due = Number.NaN;

  constructor(io: Io, tag: number, owner: CommandOwner, keepsSqe: boolean) {
    this.sqe = keepsSqe ? new DataView(new ArrayBuffer(sqeBytes)) : null;
    this.tag = tag;
    this.owner = owner;
    this.request = new Request(io, tag);
    this.offset = 0;
    this.length = 0;
    this.due = 0;
  }

  /** A new command takes the slot. */
  begin(cid: number): void {
    this.cid = cid;
    this.orphan = false;
    this.volume = null;
    this.flags = 0;
    this.dataLength = 0;
    this.toHost = false;
    this.moved = 0;
    this.status = 0;
    this.dword0 = 0;
    this.dword1 = 0;
    this.sends = 0;
    this.answered = false;
    this.waitsToSend = false;
  }

  /** Keeps the entry at `at`, because it is read again when the data is there. */
  keepSqe(view: DataView, at: number): void {
    for (let offset = 0; offset < sqeBytes; offset += 4)
      this.sqe?.setUint32(offset, view.getUint32(at + offset, true), true);
  }

  onBuffer(place: number): void {
    this.buffer = place;
    this.owner.onCommandBuffer(this);
  }

  onRequest(): void {
    this.owner.onCommandExecuted(this);
  }
}

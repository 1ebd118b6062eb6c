/**
 * What a volume's ghost gate and flush ledger leave behind, as the bytes of a file: what is found in one, what of it is
 * kept and until when, and what the next one begins with. Bytes and clocks only; ghost-file.ts does the rest, and the
 * simulator runs this very code over a crash of the host.
 *
 * Whoever attaches the volume next finds
 *
 * - the ranges in quarantine, and the writes that were under way, each of which may still be executed: they are in
 *   quarantine for as long as the array may need to notice that the old program's connections are gone. The kernel reset
 *   those when the process ended (SO_LINGER), so the clock starts now at the latest;
 * - the controllers that have them: when all of those were reset, nothing can come any more, at once;
 * - whether something that was acknowledged lay in a controller's volatile cache, or was lost with one before a flush
 *   could tell of it: every controller of the old program is gone, so the next flush fails once, as it does for a
 *   controller that is lost while the program lives.
 *
 * After a detach in order nothing is under way, and the file goes unless something was still in quarantine. The file lies
 * where nothing outlives the kernel, so a missing file also means that the host was started anew, perhaps without a word
 * to the array: then nothing is known, and the whole volume is in quarantine until the host has been up that long.
 */
import type { ControllerInstance } from '../fabric/nvme-tcp/messages.ts';
import { FlushLedger, flushLedgerBytes } from '../multipath/flush-ledger.ts';
import { GhostGate, ghostGateBytes } from '../multipath/ghost-gate.ts';
import { nobody, quarantineEntries } from '../multipath/quarantine.ts';
import { ControllerLives, controllerLivesBytes } from './controller-lives.ts';

/** The "controller" of what an earlier program left; a real one's number is not negative. */
export const earlierProgram = { controller: -1, epoch: 1 } as const;

/** The file begins with a header, alone on its page; the memory that the reactors share follows. */
export const sharedOffset = 4096;

const version = 4;

/** The gate, behind it the ledger, and then the controllers. */
export function sharedBytes(reactors: number): number {
  return ghostGateBytes(reactors) + flushLedgerBytes + controllerLivesBytes;
}

/** What the reactors of a volume share, as one of them sees it. */
export interface SharedParts {
  readonly gate: GhostGate;
  readonly ledger: FlushLedger;
  readonly lives: ControllerLives;
}

/** In the memory that the file holds. */
export function sharedIn(memory: ArrayBuffer, reactors: number, reactor = 0): SharedParts {
  const ledgerAt = ghostGateBytes(reactors);
  return {
    gate: new GhostGate(memory, reactors, reactor),
    ledger: new FlushLedger(memory, ledgerAt),
    lives: new ControllerLives(memory, ledgerAt + flushLedgerBytes),
  };
}

interface Header {
  readonly bootId: string;
  readonly reactors: number;
  /** As in the options: the earlier program may have had other time-outs. */
  readonly boundMs: number;
  /** Left in order: nothing can come any more when the host has been up this long, milliseconds. */
  readonly until: number | null;
  /** Left in order, but controllers that other volumes go on using hold in their caches what no flush has covered. */
  readonly isUncovered: boolean;
}

export interface RecordOptions {
  readonly reactors: number;
  readonly sizeBytes: number;
  /** How long after the loss of its connections the array may still execute something, milliseconds. */
  readonly boundMs: number;
  readonly bootId: string;
  /** The volume was made just now: nobody wrote to it before. */
  readonly isNew: boolean;
}

/** Both in milliseconds. */
export interface RecordClock {
  /** Never runs faster than time; may stand still while the machine sleeps. */
  now(): number;
  /** How long this host has been up, sleep included. */
  uptime(): number;
}

interface Range {
  readonly start: number;
  readonly length: number;
}

/** What an earlier program left. */
export interface Heritage {
  readonly ranges: readonly Range[];
  /** How long they have to be kept, milliseconds. */
  readonly keepMs: number;
  /** What it acknowledged may be lost with a cache, and nobody was told. */
  readonly isUncovered: boolean;
  /** The controllers that may still execute something: once all of them are reset, none can. Null: not all are known. */
  readonly lives: readonly ControllerInstance[] | null;
}

const nothing: Heritage = { ranges: [], keepMs: 0, isUncovered: false, lives: null };

/** One program's time with a volume. */
export class GhostRecord {
  readonly heritage: Heritage;
  readonly #options: RecordOptions;
  readonly #clock: RecordClock;
  #dueAt = Number.NEGATIVE_INFINITY;
  #isKept = false;

  /** @param found the file that is there; null if there is none */
  constructor(options: RecordOptions, clock: RecordClock, found: Uint8Array | null) {
    this.#options = options;
    this.#clock = clock;
    this.heritage = findHeritage(options, clock.uptime(), found);
  }

  /** The file that this program begins with: what it inherited is handed on if it is killed, too. */
  image(): Uint8Array {
    const { reactors, bootId, boundMs } = this.#options;
    const { ranges, keepMs, isUncovered, lives: left } = this.heritage;
    const memory = new ArrayBuffer(sharedBytes(reactors));
    const { gate, ledger, lives } = sharedIn(memory, reactors);
    const { controller, epoch } = earlierProgram;
    for (const { start, length } of ranges) gate.keep(start, length, controller, epoch, nobody);
    if (ranges.length > 0) lives.inherit(controller, epoch, left);
    if (isUncovered) ledger.inherit();
    const bytes = new Uint8Array(sharedOffset + memory.byteLength);
    bytes.set(headerBytes({ bootId, reactors, boundMs: Math.max(boundMs, keepMs), until: null, isUncovered: false }));
    bytes.set(new Uint8Array(memory), sharedOffset);
    return bytes;
  }

  /** The reactors use it from now on. Returns after how many milliseconds `over` is due; 0: there is nothing to keep. */
  begin(): number {
    const { keepMs } = this.heritage;
    if (keepMs <= 0) return 0;
    this.#dueAt = this.#clock.now() + keepMs;
    this.#isKept = true;
    return keepMs;
  }

  /** What was inherited can not come any more. */
  over(): void {
    this.#isKept = false;
  }

  /** Milliseconds until that is so. */
  get keptFor(): number {
    return this.#isKept ? Math.max(0, this.#dueAt - this.#clock.now()) : 0;
  }

  /**
   * After a detach in order: the header that is left, or null if the file is to go.
   * @param isEmpty nothing is in quarantine
   * @param longestMs what any controller of this program may need, as `ControllerLives` says
   * @param isUncovered something acknowledged lies in the cache of a controller that lives on. One that was shut down has
   * written it out
   */
  left(isEmpty: boolean, longestMs: number, isUncovered: boolean): Uint8Array | null {
    if (isEmpty && !isUncovered) return null;
    const { bootId, reactors, boundMs } = this.#options;
    // What was inherited may have to be kept for longer than what was lost here.
    const left = Math.max(boundMs, longestMs, this.#dueAt - this.#clock.now());
    return headerBytes({ bootId, reactors, boundMs: left, until: this.#clock.uptime() + left, isUncovered });
  }
}

/** The file was left in order by a program of this boot, and its time is over. */
export function isRecordOver(file: Uint8Array, bootId: string, uptime: number): boolean {
  const header = parseHeader(file);
  return header?.bootId === bootId && header.until !== null && header.until <= uptime && !header.isUncovered;
}

function findHeritage(options: RecordOptions, uptime: number, found: Uint8Array | null): Heritage {
  const { boundMs, bootId, sizeBytes, isNew } = options;
  const whole = [{ start: 0, length: sizeBytes }];
  // A file there is of another volume that had the same identity: one of an array that is made anew at each start.
  if (isNew) return nothing;
  if (found === null) {
    const left = boundMs - uptime;
    // Whoever waited for a flush died with the host.
    return left > 0 ? { ...nothing, ranges: whole, keepMs: left } : nothing;
  }
  const header = parseHeader(found);
  if (header === null) return { ...nothing, ranges: whole, keepMs: boundMs, isUncovered: true };
  if (header.bootId !== bootId) return { ...nothing, ranges: whole, keepMs: boundMs };
  // Copied to the start of a buffer of its own: numbers lie where they may lie.
  const memory = new Uint8Array(found.subarray(sharedOffset)).buffer;
  const { gate, ledger, lives } = sharedIn(memory, header.reactors);
  const isUncovered = header.until === null ? ledger.isUncovered : header.isUncovered;
  // A controller that joined after the volume was attached may need longer than those that were there.
  const longest = Math.max(boundMs, header.boundMs, header.until === null ? lives.longestMs : 0);
  const keepMs = header.until === null ? longest : Math.min(longest, header.until - uptime);
  const left = gate.remains();
  if (keepMs <= 0 || left.length === 0) return { ...nothing, isUncovered };
  const ranges = left.length <= quarantineEntries / 2 ? left : whole;
  return { ranges, keepMs, isUncovered, lives: lives.instances() };
}

function parseHeader(bytes: Uint8Array): Header | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes.subarray(0, sharedOffset)).trim());
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [reactors, until, bootId] = [fields.get('reactors'), fields.get('until'), fields.get('bootId')];
  const boundMs = fields.get('boundMs');
  if (typeof boundMs !== 'number' || !Number.isFinite(boundMs)) return null;
  if (fields.get('version') !== version || typeof bootId !== 'string' || bootId === '') return null;
  if (typeof reactors !== 'number' || !Number.isInteger(reactors) || reactors < 1 || reactors > 1024) return null;
  if (until !== null && (typeof until !== 'number' || !Number.isFinite(until))) return null;
  const isUncovered = fields.get('isUncovered') === true;
  return bytes.length === sharedOffset + sharedBytes(reactors)
    ? { bootId, reactors, boundMs, until, isUncovered }
    : null;
}

function headerBytes(header: Header): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ version, ...header })}\n`.padEnd(sharedOffset, ' '));
}

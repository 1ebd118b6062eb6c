/**
 * What a volume's ghost gate knows, in a file, so that it outlives the program: the reactors map it, so what they write
 * is there at once and stays when the process is killed at any moment. Whoever attaches the volume next finds in it
 *
 * - the ranges in quarantine, and
 * - the writes that were under way, each of which may still be executed,
 *
 * and keeps them in quarantine for as long as the array may need to notice that the old program's connections are gone.
 * The kernel reset those when the process ended (SO_LINGER), so the clock starts now at the latest.
 *
 * After a detach in order nothing is under way, and the file goes unless something was still in quarantine. The file lies
 * where nothing outlives the kernel, so a missing file also means that the host was started anew, perhaps without a word
 * to the array: then nothing is known, and the whole volume is in quarantine until the host has been up that long.
 */
import fs from 'node:fs';
import path from 'node:path';
import { GhostGate, ghostGateBytes } from '../multipath/ghost-gate.ts';
import { nobody, quarantineEntries, type QuarantineEntry } from '../multipath/quarantine.ts';
import { gateOffset, type Mapping, mapGate } from './gate-mapping.ts';
import { ifUnclaimed } from './identity-claim.ts';

/** The "controller" of what an earlier program left; a real one's number is not negative. */
export const earlierProgram = { controller: -1, epoch: 1 } as const;

const version = 1;

interface Header {
  readonly bootId: string;
  readonly reactors: number;
  /** As in the options: the earlier program may have had other time-outs. */
  readonly boundMs: number;
  /** Left in order: nothing can come any more when the host has been up this long, milliseconds. */
  readonly until: number | null;
}

export interface GhostFileOptions {
  readonly path: string;
  readonly reactors: number;
  readonly sizeBytes: number;
  /** How long after the loss of its connections the array may still execute something, milliseconds. */
  readonly boundMs: number;
  readonly bootId: string;
  /** How long this host has been up, milliseconds. */
  readonly uptime: () => number;
  /** The volume was made just now: nobody wrote to it before. */
  readonly isNew: boolean;
}

interface Range {
  readonly start: number;
  readonly length: number;
}

/** What an earlier program left, and how long it has to be kept, milliseconds. */
interface Heritage {
  readonly ranges: readonly Range[];
  readonly keepMs: number;
}

export class GhostFile {
  readonly heritage: Heritage;
  readonly #options: GhostFileOptions;
  readonly #mapping: Mapping;
  readonly #gate: GhostGate;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = 0;

  /** Nobody else may have the volume. @throws CausewayError `runtime-directory`, `out-of-memory` */
  constructor(options: GhostFileOptions) {
    this.#options = options;
    this.heritage = findHeritage(options);
    writeNew(options, this.heritage);
    this.#mapping = mapGate(options.path, options.reactors);
    this.#gate = new GhostGate(this.#mapping.memory, options.reactors);
  }

  get path(): string {
    return this.#options.path;
  }

  entries(): QuarantineEntry[] {
    return this.#closed ? [] : this.#gate.entries();
  }

  /** Milliseconds until what an earlier program left can not come any more. */
  get keptFor(): number {
    return this.#timer === null ? 0 : Math.max(0, this.#dueAt - performance.now());
  }

  /** The reactors use it from now on; `fenced` is called when what was left can not come any more, if anything was. */
  begin(fenced: () => void): void {
    const { keepMs } = this.heritage;
    if (keepMs <= 0) return;
    this.#dueAt = performance.now() + keepMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      fenced();
    }, keepMs);
    this.#timer.unref();
  }

  /** The reactors are about to let go of it: nobody is told of a fence any more. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The reactors have let go of it: nothing is under way. */
  close(): void {
    if (this.#closed) return;
    this.end();
    const isEmpty = this.entries().length === 0;
    this.#closed = true;
    this.#mapping.unmap();
    const { path: file, bootId, reactors, uptime, boundMs } = this.#options;
    if (isEmpty) fs.rmSync(file, { force: true });
    else {
      // What was inherited may have to be kept for longer than what was lost here.
      const left = Math.max(boundMs, this.#dueAt - performance.now());
      writeHeader(file, { bootId, reactors, boundMs: left, until: uptime() + left });
    }
  }
}

/** Where the gate of a volume lies, by the digest of its identity. */
export function ghostFileName(digest: string): string {
  return `ghosts-${digest}`;
}

/**
 * Removes files of volumes that were detached in order with something in quarantine, and whose time is over. Files of
 * programs that were killed stay: nobody knows since when.
 */
export function sweepGhostFiles(directory: string, bootId: string, uptime: number): void {
  for (const name of fs.readdirSync(directory)) {
    const digest = /^ghosts-([0-9a-f]+)$/.exec(name)?.[1];
    if (digest === undefined) continue;
    const file = path.join(directory, name);
    const isOver = (): boolean => {
      const header = parseHeader(fs.readFileSync(file));
      return header?.bootId === bootId && header.until !== null && header.until <= uptime;
    };
    try {
      // Looked at once more when nobody can be about to take it over.
      if (isOver()) ifUnclaimed(digest, () => isOver() && fs.rmSync(file, { force: true }));
    } catch {
      // Gone meanwhile, or not to be read: it harms nobody.
    }
  }
}

function findHeritage(options: GhostFileOptions): Heritage {
  const { path: file, boundMs, bootId, uptime, sizeBytes, isNew } = options;
  const whole = [{ start: 0, length: sizeBytes }];
  const nothing = { ranges: [], keepMs: 0 };
  // A file there is of another volume that had the same identity: one of an array that is made anew at each start.
  if (isNew) return nothing;
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(file);
  } catch {
    const left = boundMs - uptime();
    return left > 0 ? { ranges: whole, keepMs: left } : nothing;
  }
  const header = parseHeader(bytes);
  if (header === null || header.bootId !== bootId) return { ranges: whole, keepMs: boundMs };
  const longest = Math.max(boundMs, header.boundMs);
  const keepMs = header.until === null ? longest : Math.min(longest, header.until - uptime());
  if (keepMs <= 0) return nothing;
  // Copied to the start of a buffer of its own: numbers lie where they may lie.
  const memory = new Uint8Array(bytes.subarray(gateOffset)).buffer;
  const ranges = new GhostGate(memory, header.reactors).remains();
  return { ranges: ranges.length <= quarantineEntries / 2 ? ranges : whole, keepMs: ranges.length === 0 ? 0 : keepMs };
}

function parseHeader(bytes: Buffer): Header | null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8', 0, Math.min(bytes.length, gateOffset)).trim());
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
  return bytes.length === gateOffset + ghostGateBytes(reactors) ? { bootId, reactors, boundMs, until } : null;
}

function headerText(header: Header): string {
  return `${JSON.stringify({ version, ...header })}\n`.padEnd(gateOffset, ' ');
}

function writeHeader(file: string, header: Header): void {
  const fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    fs.writeSync(fd, headerText(header), 0);
  } finally {
    fs.closeSync(fd);
  }
}

/** The new file takes the place of the old one when it is whole. */
function writeNew({ path: file, reactors, bootId, boundMs }: GhostFileOptions, { ranges, keepMs }: Heritage): void {
  const memory = new ArrayBuffer(ghostGateBytes(reactors));
  const gate = new GhostGate(memory, reactors);
  const { controller, epoch } = earlierProgram;
  for (const { start, length } of ranges) gate.keep(start, length, controller, epoch, nobody);
  const draft = `${file}.new`;
  fs.rmSync(draft, { force: true });
  const fd = fs.openSync(draft, 'wx', 0o600);
  try {
    fs.writeSync(fd, headerText({ bootId, reactors, boundMs: Math.max(boundMs, keepMs), until: null }), 0);
    fs.writeSync(fd, new Uint8Array(memory), 0, memory.byteLength, gateOffset);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(draft, file);
}

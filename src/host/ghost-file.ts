/**
 * The record of a volume's ghosts (ghost-record.ts) in a file, so that it outlives the program: the reactors map it, so
 * what they write is there at once and stays when the process is killed at any moment.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { QuarantineEntry } from '../multipath/quarantine.ts';
import { type Mapping, mapGate } from './gate-mapping.ts';
import {
  GhostRecord,
  type Heritage,
  isRecordOver,
  type RecordOptions,
  sharedIn,
  type SharedParts,
} from './ghost-record.ts';
import { ifUnclaimed } from './identity-claim.ts';

export interface GhostFileOptions extends RecordOptions {
  readonly path: string;
  /** How long this host has been up, milliseconds. */
  readonly uptime: () => number;
}

export class GhostFile {
  readonly #options: GhostFileOptions;
  readonly #record: GhostRecord;
  readonly #mapping: Mapping;
  readonly #shared: SharedParts;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;
  #fenced = (): void => {};

  /** Nobody else may have the volume. @throws CausewayError `runtime-directory`, `out-of-memory` */
  constructor(options: GhostFileOptions) {
    this.#options = options;
    const { uptime, reactors, path: file } = options;
    this.#record = new GhostRecord(options, { now: () => performance.now(), uptime }, read(file));
    writeNew(file, this.#record.image());
    this.#mapping = mapGate(file, reactors);
    this.#shared = sharedIn(this.#mapping.memory, reactors);
  }

  get path(): string {
    return this.#options.path;
  }

  get heritage(): Heritage {
    return this.#record.heritage;
  }

  entries(): QuarantineEntry[] {
    return this.#closed ? [] : this.#shared.gate.entries();
  }

  /** Milliseconds until what an earlier program left can not come any more. */
  get keptFor(): number {
    return this.#record.keptFor;
  }

  /** The reactors use it from now on; `fenced` is called when what was left can not come any more, if anything was. */
  begin(fenced: () => void): void {
    const milliseconds = this.#record.begin();
    if (milliseconds === 0) return;
    this.#fenced = fenced;
    this.#timer = setTimeout(() => this.over(), milliseconds);
    this.#timer.unref();
  }

  /** What was left can not come any more: time has passed, or all controllers that had it are reset. */
  over(): void {
    if (this.#timer === null) return;
    this.end();
    this.#record.over();
    this.#fenced();
  }

  /** The reactors are about to let go of it: nobody is told of a fence any more. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The reactors have let go of it: nothing is under way. @param livesOn some controller of the volume does, for others */
  close(livesOn = false): void {
    if (this.#closed) return;
    this.end();
    const isUncovered = livesOn && this.#shared.ledger.isUncovered;
    const header = this.#record.left(this.entries().length === 0, this.#shared.lives.longestMs, isUncovered);
    this.#closed = true;
    this.#mapping.unmap();
    if (header === null) fs.rmSync(this.path, { force: true });
    else writeHeader(this.path, header);
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
    const isOver = (): boolean => isRecordOver(fs.readFileSync(file), bootId, uptime);
    try {
      // Looked at once more when nobody can be about to take it over.
      if (isOver()) ifUnclaimed(digest, () => isOver() && fs.rmSync(file, { force: true }));
    } catch {
      // Gone meanwhile, or not to be read: it harms nobody.
    }
  }
}

function read(file: string): Uint8Array | null {
  try {
    return fs.readFileSync(file);
  } catch {
    return null;
  }
}

function writeHeader(file: string, header: Uint8Array): void {
  const fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    fs.writeSync(fd, header, 0, header.length, 0);
  } finally {
    fs.closeSync(fd);
  }
}

/** The new file takes the place of the old one when it is whole. */
function writeNew(file: string, image: Uint8Array): void {
  const draft = `${file}.new`;
  fs.rmSync(draft, { force: true });
  const fd = fs.openSync(draft, 'wx', 0o600);
  try {
    fs.writeSync(fd, image, 0, image.length, 0);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(draft, file);
}

/**
 * Where a running instance leaves its traces for other processes: its lock, its control socket, and the log of one that
 * runs in the background. /run is emptied at boot, so nothing here outlives the kernel that it speaks of.
 */
import fs from 'node:fs';
import path from 'node:path';
import { CausewayError } from '../base/errors.ts';
import { defaultPlaces, type Places } from '../kernel/places.ts';

const defaultDirectory = '/run/causeway';
/** Overrides the directory: for tests, and for an array that runs without root. */
const variable = 'CAUSEWAY_RUN_DIR';

/** sun_path of a UNIX socket address holds 108 bytes with its closing zero; longer ones are cut without a word. */
const maxSocketPath = 107;

const namePattern = /^[a-z0-9][a-z0-9._-]{0,31}$/;

export function runtimeDirectory(): string {
  const given = process.env[variable];
  return given === undefined || given === '' ? defaultDirectory : path.resolve(given);
}

/** Where kernel devices of this host leave their traces. */
export function kernelPlaces(): Places {
  return { ...defaultPlaces, runtimeDirectory: runtimeDirectory() };
}

export function isInstanceName(name: string): boolean {
  return namePattern.test(name);
}

/** @throws CausewayError `invalid-name` for a name that cannot be one of an instance and of its files */
export function checkInstanceName(name: string): void {
  if (isInstanceName(name)) return;
  throw new CausewayError('invalid-name', `${JSON.stringify(name.slice(0, 64))} cannot be the name of a device`);
}

export interface InstancePlaces {
  readonly directory: string;
  /** Held locked by the process that has the name, and says who it is. */
  readonly lock: string;
  readonly socket: string;
  /** What a process in the background said; kept only if it did not end in order. */
  readonly log: string;
}

/** The files of one instance. @throws CausewayError `invalid-name`, `runtime-directory` */
export function placesOf(name: string): InstancePlaces {
  checkInstanceName(name);
  const directory = runtimeDirectory();
  const socket = path.join(directory, `${name}.sock`);
  if (Buffer.byteLength(socket) > maxSocketPath) {
    throw new CausewayError('runtime-directory', `${socket} is too long for the address of a socket`);
  }
  return { directory, lock: path.join(directory, `${name}.lock`), socket, log: path.join(directory, `${name}.log`) };
}

/** Makes the directory, open to its owner alone. @throws CausewayError `needs-root`, `runtime-directory` */
export function makeRuntimeDirectory(): void {
  const directory = runtimeDirectory();
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    fs.accessSync(directory, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw directoryError(directory, error);
  }
}

/** Names of the files in the directory that end in `suffix`, without it; none if there is no directory. */
export function namesWith(suffix: string): string[] {
  const directory = runtimeDirectory();
  let entries: string[];
  try {
    entries = fs.readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw directoryError(directory, error);
  }
  return entries
    .filter((entry) => entry.endsWith(suffix) && entry !== suffix)
    .map((entry) => entry.slice(0, -suffix.length));
}

/** Removes the directory if nothing is left in it. */
export function removeRuntimeDirectoryIfEmpty(): void {
  try {
    fs.rmdirSync(runtimeDirectory());
  } catch {
    // Others are in it, or it never was.
  }
}

/** The coded error for a directory that this process cannot use. */
export function directoryError(directory: string, error: unknown): CausewayError {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new CausewayError('needs-root', `this user may not use ${directory}`, { cause: error });
  }
  return new CausewayError('runtime-directory', `${directory} cannot be used: ${code}`, { cause: error });
}

/** The errno name of an error of node:fs or node:net; its text if it has none. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return String(error);
}

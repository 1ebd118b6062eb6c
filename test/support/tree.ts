/**
 * A tree of files as people have them, made from a seed: many small ones, a few large ones, folders, links, odd names.
 * As a program, it prints what the tree named by its argument holds: a tree on a device that this process serves must
 * be read by another one.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/base/random.ts';

export interface TreeOptions {
  readonly seed: number;
  readonly files: number;
  readonly bytes: number;
}

/** What a tree holds, one line each, sorted: a file's mode, time and checksum, a link's target, a folder. */
export type Manifest = readonly string[];

/** This file, as a program. */
export const treeProgram = fileURLToPath(import.meta.url);

const folderEvery = 25;
const linkEvery = 100;
const names = ['plain', 'with space', 'Ünïcödé', '-dash', '.hidden', 'quote"\'', 'a'.repeat(200)];

/** Makes the tree in `root`, which does not exist yet. */
export function makeTree(root: string, options: TreeOptions): void {
  const random = new Random(options.seed);
  const folders = [root];
  fs.mkdirSync(root);
  const weights = Array.from({ length: options.files }, () => 2 ** (random.float() * 14));
  const scale = options.bytes / weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    if (index % folderEvery === 0) {
      const folder = path.join(pick(random, folders), `${pick(random, names).slice(0, 20)} ${index}`);
      fs.mkdirSync(folder);
      folders.push(folder);
    }
    const file = path.join(pick(random, folders), `${pick(random, names)} ${index}`);
    fs.writeFileSync(file, bytesOf(random, Math.ceil(weight * scale)), { mode: 0o400 + random.below(0o400) });
    if (index % linkEvery === 0) {
      fs.symlinkSync(path.basename(file), `${file}.symbolic`);
      fs.linkSync(file, `${file}.hard`);
    }
  }
}

/** Reads the whole tree. */
export function readTree(root: string): Manifest {
  const entries = fs.readdirSync(root, { recursive: true, withFileTypes: true });
  const lines = entries.map((entry) => {
    const whole = path.join(entry.parentPath, entry.name);
    return `${path.relative(root, whole)}: ${describe(entry, whole)}`;
  });
  return lines.toSorted();
}

function describe(entry: fs.Dirent, whole: string): string {
  if (entry.isSymbolicLink()) return `link to ${fs.readlinkSync(whole)}`;
  if (!entry.isFile()) return 'folder';
  const { mode, mtimeMs } = fs.statSync(whole);
  const digest = createHash('sha256').update(fs.readFileSync(whole)).digest('hex');
  return `file ${mode.toString(8)} ${Math.floor(mtimeMs)} ${digest}`;
}

function pick<T extends object | string | number>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)]!;
}

function bytesOf(random: Random, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = random.nextUint32();
  return new Uint8Array(words.buffer, 0, length);
}

if (process.argv[1] === treeProgram && process.argv[2] !== undefined) console.log(readTree(process.argv[2]).join('\n'));

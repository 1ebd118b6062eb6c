/** What a test of the library does around its own matter: a name of its own, an end for all it made, and proof of that. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { attempt, type Outcome } from './commands.ts';
import { assertNothingLeft, countBefore } from './leftovers.ts';
import type { Capability } from './requires.ts';

/** What every test with a `/dev` node needs. */
export const servingNeeds: readonly Capability[] = ['root', 'io_uring', 'fuse', 'loop'];

export interface Trial {
  /** For devices and volumes; nobody else on this host has it. */
  readonly name: string;
  /** An empty folder of the test's own. */
  readonly folder: string;
  /** Done when the test has ended, however it did; the last one first. What is done already may be done again. */
  atEnd(work: () => Promise<unknown>): void;
  /** Runs a program that has to succeed, within 60 seconds; returns what it wrote. */
  must(program: string, ...args: string[]): Promise<string>;
  /** Runs a program that may fail, within 60 seconds. */
  attempt(program: string, ...args: string[]): Promise<Outcome>;
}

let trials = 0;

export async function withTrial(label: string, body: (trial: Trial) => Promise<void>): Promise<void> {
  trials += 1;
  const name = `${label}-${process.pid}-${trials}`;
  const before = await countBefore();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `causeway-${name}-`));
  const ends: (() => Promise<unknown>)[] = [];
  const trouble: unknown[] = [];
  const trial: Trial = {
    name,
    folder,
    atEnd: (work) => ends.push(work),
    attempt: (program, ...args) => attempt(program, args),
    must: async (program, ...args) => {
      const { code, stdout, stderr } = await attempt(program, args);
      if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
      return stdout;
    },
  };
  try {
    await body(trial);
  } catch (error) {
    trouble.push(error);
  }
  for (const end of ends.toReversed()) await end().catch((error: unknown) => trouble.push(error));
  fs.rmSync(folder, { recursive: true, force: true });
  if (trouble.length === 1) throw trouble[0];
  if (trouble.length > 1) throw new AggregateError(trouble, trouble.map(String).join('; '));
  await assertNothingLeft(name, before);
}

/** Kernel devices of this run whose process had to be killed: the next start under their names would clear them up. */
import fs from 'node:fs';
import { defaultPlaces, recordSuffix } from '../src/kernel/places.ts';
import { clearName } from '../src/kernel/claim.ts';
import { helperHost } from './peers/loop.ts';

/** What the names of all devices of this run begin with. */
export const namePrefix = `bench-${process.pid}-`;

export async function clearLeftovers(say: (message: string) => void): Promise<void> {
  let entries: string[];
  try {
    entries = fs.readdirSync(defaultPlaces.runtimeDirectory);
  } catch {
    return;
  }
  for (const entry of entries) {
    if (!entry.startsWith(namePrefix) || !entry.endsWith(recordSuffix)) continue;
    const name = entry.slice(0, -recordSuffix.length);
    say(`clearing up after ${name}`);
    try {
      await clearName(helperHost, defaultPlaces, name);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Kernel devices of this run whose process had to be killed: the next start under their names would clear them up. */
import fs from 'node:fs';
import { defaultPlaces } from '../src/kernel/fuse/places.ts';
import { withRecords } from '../src/kernel/fuse/record.ts';
import { recoverName } from '../src/kernel/fuse/recover.ts';
import { helperHost } from './peers/loop.ts';

/** What the names of all devices of this run begin with. */
export const namePrefix = `bench-${process.pid}-`;
const recordSuffix = '.fuse.json';

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
      await withRecords(helperHost, defaultPlaces, () => recoverName(helperHost, defaultPlaces, name));
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
  }
}

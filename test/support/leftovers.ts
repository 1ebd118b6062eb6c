/**
 * What a test might leave behind on this host and in this process: taken before, compared after. Only traces of the
 * given name and of this process count, because other instances may run beside.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes by itself, soon (threads of a ring, a loop device that udev looks at), may take this long. Milliseconds. */
const patience = 5_000;
const step = 50;

export interface Before {
  readonly threads: number;
  readonly descriptors: ReadonlyMap<string, number>;
}

/** Starts the threads that this process starts once and keeps, then counts. */
export async function countBefore(): Promise<Before> {
  await Promise.all(Array.from({ length: 8 }, () => fs.promises.stat('/')));
  return { threads: threadCount(), descriptors: descriptorKinds() };
}

/** Fails unless every trace of `name` is gone and this process has what it had before. */
export async function assertNothingLeft(name: string, before: Before): Promise<void> {
  const until = performance.now() + patience;
  let left = leftovers(name, before);
  while (left.length > 0 && performance.now() < until) {
    await sleep(step);
    left = leftovers(name, before);
  }
  assert.deepEqual(left, [], 'the test left something behind');
}

function leftovers(name: string, before: Before): string[] {
  const found = [...traces(name)];
  const threads = threadCount();
  if (threads > before.threads) found.push(`${threads} threads, before: ${before.threads}`);
  for (const [kind, count] of descriptorKinds()) {
    const was = before.descriptors.get(kind) ?? 0;
    if (count > was) found.push(`${count} descriptors of ${kind}, before: ${was}`);
  }
  return [...found, ...children().map((pid) => `process ${pid}`)];
}

/** Loop devices, mounts and files of the device with this name. */
export function traces(name: string): string[] {
  const found: string[] = [];
  for (const device of listing('/sys/block')) {
    const file = textOf(`/sys/block/${device}/loop/backing_file`);
    if (file.includes(`/${name}.volume`)) found.push(`loop device ${device} over ${file.trim()}`);
  }
  for (const line of textOf('/proc/self/mountinfo').split('\n')) {
    if (line.includes(name)) found.push(`mount ${line}`);
  }
  for (const folder of ['/run/causeway', '/dev/causeway']) {
    for (const entry of listing(folder)) {
      const mine =
        entry.includes(name) || (entry.startsWith('identity-') && textOf(`${folder}/${entry}`).trim() === name);
      if (mine) found.push(`file ${folder}/${entry}`);
    }
  }
  return found;
}

function threadCount(): number {
  return listing('/proc/self/task').length;
}

/** How many descriptors this process has of each kind that a host or an array makes. */
function descriptorKinds(): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const fd of listing('/proc/self/fd')) {
    let target = '';
    try {
      target = fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor with which the folder was read.
    }
    const kind = /^(socket|anon_inode:\[(?:io_uring|eventfd)\]|\/dev\/fuse|\/dev\/loop|\/run\/causeway)/.exec(
      target,
    )?.[1];
    if (kind !== undefined) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return kinds;
}

function children(): string[] {
  return listing('/proc/self/task').flatMap((task) =>
    textOf(`/proc/self/task/${task}/children`)
      .split(' ')
      .filter((pid) => pid !== ''),
  );
}

function listing(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

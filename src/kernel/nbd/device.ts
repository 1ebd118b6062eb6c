/** NBD devices in sysfs. Ours are told by their backend identifier, a text that nobody else has. */
import fs from 'node:fs';
import path from 'node:path';

const sysBlock = '/sys/block';

export function deviceOf(index: number): string {
  return `/dev/nbd${index}`;
}

export function indexOf(device: string): number {
  return Number(/^\/dev\/nbd(\d+)$/.exec(device)?.[1] ?? Number.NaN);
}

/** A file of the device in sysfs; null if it cannot be read. */
export function readSysfs(device: string, entry: string): string | null {
  try {
    return fs.readFileSync(path.join(sysBlock, path.basename(device), entry), 'utf8').trim();
  } catch {
    return null;
  }
}

/** The device with this backend identifier, set up and not wholly let go of yet; null if there is none. */
export function findDevice(backend: string): string | null {
  const names = fs.readdirSync(sysBlock).filter((name) => /^nbd\d+$/.test(name));
  return names.map((name) => `/dev/${name}`).find((device) => isOurs(device, backend)) ?? null;
}

export function isOurs(device: string, backend: string): boolean {
  return readSysfs(device, 'backend') === backend;
}

/** 0 if it cannot be told. */
export function sizeBytesOf(device: string): number {
  return Number(readSysfs(device, 'size') ?? 0) * 512;
}

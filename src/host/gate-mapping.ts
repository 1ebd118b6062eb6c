import fs from 'node:fs';
import { mapShared, unmap, viewOf } from '../native/mapping.ts';
import { sharedBytes, sharedOffset } from './ghost-record.ts';

/** A volume's ghost gate and flush ledger as one thread sees them: memory that all who map the file share. */
export interface Mapping {
  readonly memory: ArrayBuffer;
  /** Nobody may touch the memory any more. */
  unmap(): void;
}

/** @throws CausewayError `out-of-memory` */
export function mapGate(path: string, reactors: number): Mapping {
  const bytes = sharedBytes(reactors);
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
  try {
    const address = mapShared('the quarantine of a volume', bytes, fd, sharedOffset);
    return { memory: viewOf(address, bytes), unmap: () => unmap(address, bytes) };
  } finally {
    fs.closeSync(fd);
  }
}

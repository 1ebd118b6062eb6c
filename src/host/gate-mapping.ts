import fs from 'node:fs';
import { mapShared, unmap, viewOf } from '../native/mapping.ts';
import { ghostGateBytes } from '../multipath/ghost-gate.ts';

/** The file begins with a header, alone on its page; the gate follows. */
export const gateOffset = 4096;

/** A volume's ghost gate as one thread sees it: memory that all who map the file share. */
export interface Mapping {
  readonly memory: ArrayBuffer;
  /** Nobody may touch the memory any more. */
  unmap(): void;
}

/** @throws CausewayError `out-of-memory` */
export function mapGate(path: string, reactors: number): Mapping {
  const bytes = ghostGateBytes(reactors);
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
  try {
    const address = mapShared('the quarantine of a volume', bytes, fd, gateOffset);
    return { memory: viewOf(address, bytes), unmap: () => unmap(address, bytes) };
  } finally {
    fs.closeSync(fd);
  }
}

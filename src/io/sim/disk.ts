/** The files of a world: content by path, and what is to fail. */
import { SparseBytes } from './sparse-bytes.ts';

export type FileOperation = 'read' | 'write' | 'sync' | 'zero';

export interface FileFault {
  /** Positive errno that matching operations end with, instead of being done. */
  readonly errno: number;
  /** Only this operation; every one when left out. */
  readonly operation?: FileOperation;
  /** Only operations that touch a byte from `from` up to, not including, `to`. */
  readonly from?: number;
  readonly to?: number;
  /** How many operations fail; all when left out. */
  readonly count?: number;
}

export class DiskFile {
  readonly bytes = new SparseBytes();
  sizeBytes: number;
  #faults: { fault: FileFault; left: number }[] = [];

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  addFault(fault: FileFault): void {
    this.#faults.push({ fault, left: fault.count ?? Number.POSITIVE_INFINITY });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  /** The errno that this operation is to end with; 0 if it is to be done. Counts it. */
  faultOf(operation: FileOperation, position: number, length: number): number {
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (entry.left === 0 || (fault.operation ?? operation) !== operation) continue;
      const from = fault.from ?? 0;
      const to = fault.to ?? Number.POSITIVE_INFINITY;
      if (operation !== 'sync' && (position + length <= from || position >= to)) continue;
      entry.left -= 1;
      return fault.errno;
    }
    return 0;
  }
}

export class Disk {
  readonly #files = new Map<string, DiskFile>();

  file(path: string): DiskFile | undefined {
    return this.#files.get(path);
  }

  create(path: string, sizeBytes: number): DiskFile {
    const file = new DiskFile(sizeBytes);
    this.#files.set(path, file);
    return file;
  }
}

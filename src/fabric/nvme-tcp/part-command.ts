/** The command of a part, as its SQE. On the data path. */
import { op, requestFlag } from '../../block/request.ts';
import type { Part } from '../contract.ts';
import type { CommandSlot } from './command-slot.ts';
import {
  writeDeallocateSqe,
  writeDsmRange,
  writeFlushSqe,
  writeReadSqe,
  writeWriteSqe,
  writeWriteZeroesSqe,
} from './sqe.ts';

/** What of a path decides how its commands are written. */
export interface CommandPath {
  readonly nsid: number;
  readonly blockBytes: number;
  /** Write zeroes may give space back. */
  readonly deallocatesZeroes: boolean;
}

/** Writes the SQE of `part` at `at`; of a discard also its range, at the slot's data. */
export function writePartCommand(view: DataView, at: number, slot: CommandSlot, part: Part, path: CommandPath): void {
  const { nsid, blockBytes } = path;
  // Exact: both are below 2^53 and blockBytes is a power of two.
  const slba = part.offset / blockBytes;
  const blocks = part.length / blockBytes;
  const fua = (part.flags & requestFlag.fua) !== 0;
  switch (part.op) {
    case op.read:
      writeReadSqe(view, at, slot.cid, nsid, slba, blocks, part.length);
      return;
    case op.write:
      writeWriteSqe(view, at, slot.cid, nsid, slba, blocks, part.length, fua, slot.inCapsule);
      return;
    case op.flush:
      writeFlushSqe(view, at, slot.cid, nsid);
      return;
    case op.discard:
      writeDsmRange(view, slot.data, slba, blocks);
      writeDeallocateSqe(view, at, slot.cid, nsid, 1, slot.inCapsule);
      return;
    case op.writeZeroes: {
      const deallocate = path.deallocatesZeroes && (part.flags & requestFlag.keepAllocated) === 0;
      writeWriteZeroesSqe(view, at, slot.cid, nsid, slba, blocks, deallocate, fua);
      return;
    }
  }
}

import { type Op, op } from '../block/request.ts';
import type { NativePath } from '../fabric/contract.ts';

/** How much of `rest` bytes from `offset` on one command of this path may carry. */
export function partLength(path: NativePath, operation: Op, offset: number, rest: number): number {
  const { limits } = path;
  let most: number;
  switch (operation) {
    case op.read:
      most = limits.readBytes;
      break;
    case op.write:
      most = limits.writeBytes;
      break;
    case op.discard:
      return Math.min(rest, limits.discardBytes);
    default:
      return Math.min(rest, limits.writeZeroesBytes);
  }
  const { boundaryBytes } = limits;
  if (boundaryBytes > 0) {
    const toBoundary = boundaryBytes - (offset % boundaryBytes);
    if (toBoundary < most) most = toBoundary;
  }
  return rest < most ? rest : most;
}

/** The one checked door in front of a device: what passes it is in range, aligned, allowed and has known flags. */
import type { BlockDevice } from './device.ts';
import { op, type Request, requestFlag } from './request.ts';
import { type Status, status } from './status.ts';

const knownFlags = requestFlag.fua | requestFlag.keepAllocated;

/** The status that a request deserves before the device sees it: `ok` when it may pass. */
export function checkRequest(device: BlockDevice, request: Request): Status {
  const geometry = device.geometry;
  const { offset, length } = request;
  if ((request.flags & ~knownFlags) !== 0) return status.invalid;
  if (request.op === op.flush) return offset === 0 && length === 0 ? status.ok : status.invalid;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) return status.invalid;
  if (offset < 0 || length <= 0) return status.invalid;
  if (offset % geometry.blockBytes !== 0 || length % geometry.blockBytes !== 0) return status.invalid;
  // Both are below 2^53, so their difference is exact where their sum might not be.
  if (length > geometry.sizeBytes || offset > geometry.sizeBytes - length) return status.invalid;
  switch (request.op) {
    case op.read:
      return length <= geometry.maxTransferBytes ? status.ok : status.invalid;
    case op.write:
      if (geometry.readOnly) return status.readOnly;
      return length <= geometry.maxTransferBytes ? status.ok : status.invalid;
    case op.discard:
      if (geometry.readOnly) return status.readOnly;
      return geometry.canDiscard ? status.ok : status.notSupported;
    case op.writeZeroes:
      if (geometry.readOnly) return status.readOnly;
      return geometry.canWriteZeroes ? status.ok : status.notSupported;
    default:
      return status.invalid;
  }
}

/** Sends a request through the door. It comes back to its completer in any case. */
export function submitChecked(device: BlockDevice, request: Request): void {
  request.startedAt = request.io.clock.now();
  const verdict = checkRequest(device, request);
  if (verdict === status.ok) device.submit(request);
  else request.finish(verdict);
}

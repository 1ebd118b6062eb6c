/**
 * What an I/O controller's own data means for the commands that we send it, and whether we can work with it at all.
 */
import { CausewayError } from '../../base/errors.ts';
import { cntlidMax, maxBlocksPerCommand } from './constants.ts';
import { type IdentifyController, type IdentifyControllerNvm, maxPageExponent } from './identify-controller.ts';
import { malformed } from './wire.ts';

function refused(why: string): CausewayError {
  return new CausewayError('nvme-unsupported-controller', `The array's controller ${why}.`);
}

/** True if a size field (SQES, CQES) allows entries of 2^exponent bytes. */
function allows(sizes: number, exponent: number): boolean {
  return exponent >= (sizes & 15) && exponent <= sizes >>> 4;
}

/**
 * Checks what every I/O controller must report for us to drive it over TCP.
 * @throws CausewayError `nvme-malformed`, `nvme-unsupported-controller`
 */
export function checkIoController(id: IdentifyController): void {
  if (id.cntlid > cntlidMax) throw malformed(`the reserved controller identifier 0x${id.cntlid.toString(16)}`);
  if (id.mdts > maxPageExponent) throw malformed(`an MDTS of ${id.mdts}`);
  if (id.nn === 0) throw malformed('a controller without namespaces (NN is 0)');
  if (!allows(id.sqes, 6)) throw refused('does not take submission queue entries of 64 bytes');
  if (!allows(id.cqes, 4)) throw refused('does not give completion queue entries of 16 bytes');
  // A capsule holds at least the entry itself, in units of 16 bytes.
  if (id.ioccsz < 4) throw malformed(`an IOCCSZ of ${id.ioccsz}, too small for a command`);
  if (id.iorcsz < 1) throw malformed(`an IORCSZ of ${id.iorcsz}, too small for a completion`);
  // NVMe/TCP Transport, "Capsules": ICDOFF shall be 0.
  if (id.icdoff !== 0) throw refused(`wants in-capsule data at an offset (ICDOFF ${id.icdoff})`);
}

/** Bytes of data that a command on an I/O queue may carry in its capsule; 0 = none at all, everything goes by R2T. */
export function inCapsuleBytes(id: IdentifyController): number {
  return Math.min(id.ioccsz * 16 - 64, 0x7fff_ffff);
}

/** Largest read or write in bytes; `pageBytes` is CAP.MPSMIN in bytes. Infinity = no limit. */
export function transferBytes(id: IdentifyController, pageBytes: number): number {
  return id.mdts === 0 ? Number.POSITIVE_INFINITY : 2 ** id.mdts * pageBytes;
}

/**
 * Largest write zeroes in bytes. It moves no data, so MDTS does not bound it; WZSL does, and the 16 bits of NLB.
 * Without WZSL (0, or no CNS 06h) controllers older than 1.4 may still apply MDTS, so that is respected then.
 */
export function writeZeroesBytes(
  id: IdentifyController,
  nvm: IdentifyControllerNvm | null,
  pageBytes: number,
  blockBytes: number,
): number {
  const named = maxBlocksPerCommand * blockBytes;
  const limit = nvm !== null && nvm.wzsl !== 0 ? 2 ** nvm.wzsl * pageBytes : transferBytes(id, pageBytes);
  return Math.min(named, limit);
}

/** Milliseconds that CRD of a completion (0 to 3) asks to wait. */
export function retryDelayMs(id: IdentifyController, crd: number): number {
  return crd === 0 ? 0 : (crd === 1 ? id.crdt1 : crd === 2 ? id.crdt2 : id.crdt3) * 100;
}

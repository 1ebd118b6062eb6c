/**
 * Identify Namespace, CNS 00h (NVM Command Set, "Identify Namespace data structure"), and what we make of it: the shape of
 * the volume, or the reason why we do not serve it.
 */
import { CausewayError } from '../../base/errors.ts';
import { dlfeat, identifyBytes, nsattrWriteProtected } from './constants.ts';
import { malformed, readHex, readU64, requireBytes, writeHex, writeU64, zero } from './wire.ts';

/** A logical block format. */
export interface LbaFormat {
  /** Metadata bytes per block. */
  readonly ms: number;
  /** Data bytes per block, as a power of two; 0 = this format is not available. */
  readonly lbads: number;
  /** Relative performance, 0 best. */
  readonly rp: number;
}

/** Fields under the specification's names. All zero for a namespace that is not active. */
export interface IdentifyNamespace {
  /** Size, capacity, utilization in blocks. */
  readonly nsze: number;
  readonly ncap: number;
  readonly nuse: number;
  readonly nsfeat: number;
  /** Number of formats, 0's based. */
  readonly nlbaf: number;
  readonly flbas: number;
  readonly mc: number;
  readonly dpc: number;
  readonly dps: number;
  readonly nmic: number;
  readonly rescap: number;
  readonly dlfeat: number;
  /** Optimal I/O boundary in blocks; 0 = none. */
  readonly noiob: number;
  /** Preferred write and deallocate granularity and alignment in blocks, 0's based; valid with bit 4 of nsfeat. */
  readonly npwg: number;
  readonly npwa: number;
  readonly npdg: number;
  readonly npda: number;
  /** Number of formats with unique attributes, listed behind the others. */
  readonly nulbaf: number;
  readonly anagrpid: number;
  readonly nsattr: number;
  /** 32 and 16 hexadecimal digits; all zero = not given. */
  readonly nguid: string;
  readonly eui64: string;
  readonly lbaf: readonly LbaFormat[];
}

const offset = {
  nsze: 0,
  ncap: 8,
  nuse: 16,
  nsfeat: 24,
  nlbaf: 25,
  flbas: 26,
  mc: 27,
  dpc: 28,
  dps: 29,
  nmic: 30,
  rescap: 31,
  dlfeat: 33,
  noiob: 46,
  npwg: 64,
  npwa: 66,
  npdg: 68,
  npda: 70,
  nulbaf: 82,
  anagrpid: 92,
  nsattr: 99,
  nguid: 104,
  eui64: 120,
  lbaf: 128,
} as const;

/** Formats that the structure has room for. */
export const maxFormats = 64;

/**
 * @throws CausewayError `nvme-malformed` if it is short or contradicts itself, `nvme-too-large` for 2^53 blocks or more
 */
export function readIdentifyNamespace(view: DataView, at: number): IdentifyNamespace {
  requireBytes(view, at, identifyBytes, 'identify namespace data');
  const nlbaf = view.getUint8(at + offset.nlbaf);
  const nulbaf = view.getUint8(at + offset.nulbaf);
  const formats = nlbaf + nulbaf + 1;
  if (formats > maxFormats) throw malformed(`a namespace with ${formats} block formats, ${maxFormats} being the most`);
  const lbaf: LbaFormat[] = [];
  for (let i = 0; i < formats; i += 1) {
    const place = at + offset.lbaf + 4 * i;
    lbaf.push({ ms: view.getUint16(place, true), lbads: view.getUint8(place + 2), rp: view.getUint8(place + 3) & 3 });
  }
  const data: IdentifyNamespace = {
    nsze: readU64(view, at + offset.nsze),
    ncap: readU64(view, at + offset.ncap),
    nuse: readU64(view, at + offset.nuse),
    nsfeat: view.getUint8(at + offset.nsfeat),
    nlbaf,
    flbas: view.getUint8(at + offset.flbas),
    mc: view.getUint8(at + offset.mc),
    dpc: view.getUint8(at + offset.dpc),
    dps: view.getUint8(at + offset.dps),
    nmic: view.getUint8(at + offset.nmic),
    rescap: view.getUint8(at + offset.rescap),
    dlfeat: view.getUint8(at + offset.dlfeat),
    noiob: view.getUint16(at + offset.noiob, true),
    npwg: view.getUint16(at + offset.npwg, true),
    npwa: view.getUint16(at + offset.npwa, true),
    npdg: view.getUint16(at + offset.npdg, true),
    npda: view.getUint16(at + offset.npda, true),
    nulbaf,
    anagrpid: view.getUint32(at + offset.anagrpid, true),
    nsattr: view.getUint8(at + offset.nsattr),
    nguid: readHex(view, at + offset.nguid, 16),
    eui64: readHex(view, at + offset.eui64, 8),
    lbaf,
  };
  if (data.ncap > data.nsze) throw malformed(`a namespace of ${data.nsze} blocks with a capacity of ${data.ncap}`);
  return data;
}

/** Writes all 4096 bytes; fields left out are 0. `nlbaf` follows from `lbaf` where that is given. */
export function writeIdentifyNamespace(view: DataView, at: number, data: Partial<IdentifyNamespace>): void {
  zero(view, at, identifyBytes);
  writeU64(view, at + offset.nsze, data.nsze ?? 0);
  writeU64(view, at + offset.ncap, data.ncap ?? 0);
  writeU64(view, at + offset.nuse, data.nuse ?? 0);
  const nulbaf = data.nulbaf ?? 0;
  view.setUint8(at + offset.nlbaf, data.lbaf === undefined ? (data.nlbaf ?? 0) : data.lbaf.length - 1 - nulbaf);
  view.setUint8(at + offset.nulbaf, nulbaf);
  for (const field of ['nsfeat', 'flbas', 'mc', 'dpc', 'dps', 'nmic', 'rescap', 'dlfeat', 'nsattr'] as const) {
    view.setUint8(at + offset[field], data[field] ?? 0);
  }
  for (const field of ['noiob', 'npwg', 'npwa', 'npdg', 'npda'] as const) {
    view.setUint16(at + offset[field], data[field] ?? 0, true);
  }
  view.setUint32(at + offset.anagrpid, data.anagrpid ?? 0, true);
  writeHex(view, at + offset.nguid, 16, data.nguid ?? '0'.repeat(32));
  writeHex(view, at + offset.eui64, 8, data.eui64 ?? '0'.repeat(16));
  (data.lbaf ?? []).forEach((format, i) => {
    const place = at + offset.lbaf + 4 * i;
    view.setUint16(place, format.ms, true);
    view.setUint8(place + 2, format.lbads);
    view.setUint8(place + 3, format.rp);
  });
}

/** Which of `lbaf` the namespace is formatted with (FLBAS: bits 3:0, and 6:5 above them). */
export function formatIndex(flbas: number): number {
  return (flbas & 15) | ((flbas >>> 1) & 0x30);
}

/** What a volume looks like through a namespace that we can serve. */
export interface NamespaceShape {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** Preferred write granularity, or the block. */
  readonly physicalBlockBytes: number;
  readonly readOnly: boolean;
  /** Boundary that reads and writes should not cross, bytes; 0 = none. */
  readonly boundaryBytes: number;
  readonly anagrpid: number;
  /** Deallocated blocks read as zeroes, and write zeroes may deallocate. */
  readonly writeZeroesDeallocates: boolean;
}

/** Preferred granularities are believed up to this: block layers refuse absurd ones. */
const maxPhysicalBlockBytes = 65536;

/**
 * The shape of the volume.
 * @throws CausewayError `nvme-unsupported-namespace` with the reason (metadata, protection information, block size),
 *   `nvme-no-namespace` if it is not active, `nvme-too-large` for 2^53 bytes or more, `nvme-malformed`
 */
export function shapeOf(ns: IdentifyNamespace, nsid: number): NamespaceShape {
  if (ns.nsze === 0) throw new CausewayError('nvme-no-namespace', `Namespace ${nsid} is not there.`);
  const format = ns.lbaf[formatIndex(ns.flbas)];
  if (format === undefined) throw malformed(`namespace ${nsid} in a block format that it does not list`);
  const refused = (why: string): CausewayError =>
    new CausewayError('nvme-unsupported-namespace', `Namespace ${nsid} ${why}.`);
  if (format.ms !== 0) throw refused(`has ${format.ms} bytes of metadata per block`);
  if ((ns.dps & 7) !== 0) throw refused(`is formatted with protection information type ${ns.dps & 7}`);
  if (format.lbads !== 9 && format.lbads !== 12) {
    const size = format.lbads < 32 ? `${2 ** format.lbads}` : `2^${format.lbads}`;
    throw refused(`has blocks of ${size} bytes; 512 and 4096 can be served`);
  }
  const blockBytes = 2 ** format.lbads;
  // Exact: nsze is below 2^53 and blockBytes a power of two.
  const sizeBytes = ns.nsze * blockBytes;
  if (sizeBytes > Number.MAX_SAFE_INTEGER) {
    throw new CausewayError('nvme-too-large', `Namespace ${nsid} has ${ns.nsze} blocks of ${blockBytes} bytes.`);
  }
  const preferred = (ns.nsfeat & 0x10) !== 0 ? (ns.npwg + 1) * blockBytes : blockBytes;
  const usable = preferred <= maxPhysicalBlockBytes && (preferred & (preferred - 1)) === 0;
  return {
    sizeBytes,
    blockBytes,
    physicalBlockBytes: usable ? preferred : blockBytes,
    readOnly: (ns.nsattr & nsattrWriteProtected) !== 0,
    boundaryBytes: ns.noiob * blockBytes,
    anagrpid: ns.anagrpid,
    writeZeroesDeallocates:
      (ns.dlfeat & dlfeat.readsMask) === dlfeat.readsZeroes && (ns.dlfeat & dlfeat.writeZeroesDeallocates) !== 0,
  };
}

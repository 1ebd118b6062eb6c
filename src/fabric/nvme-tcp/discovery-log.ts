/**
 * Discovery log page, 70h (NVMe Base, "Discovery Log Page"): a header of 1024 bytes and an entry of 1024 bytes for each
 * way to a subsystem. Read the header before and after the entries: if genctr moved, read again.
 */
import { subtype } from './constants.ts';
import { nqnFieldBytes } from './connect-data.ts';
import { malformed, readText, readU64, readUtf8, requireBytes, writeText, writeU64, writeUtf8, zero } from './wire.ts';

export const discoveryHeaderBytes = 1024;
export const discoveryEntryBytes = 1024;
/** More entries than this are not believed: 64 paths a volume and 1024 volumes need fewer. */
export const maxDiscoveryEntries = 65536;

const header = { genctr: 0, numrec: 8, recfmt: 16 } as const;
const entry = {
  trtype: 0,
  adrfam: 1,
  subtype: 2,
  treq: 3,
  portid: 4,
  cntlid: 6,
  asqsz: 8,
  eflags: 10,
  trsvcid: 32,
  subnqn: 256,
  traddr: 512,
  tsas: 768,
} as const;
const trsvcidBytes = 32;
const traddrBytes = 256;

export interface DiscoveryHeader {
  /** Generation; only ever compared. */
  readonly genctr: bigint;
  /** Number of entries. */
  readonly numrec: number;
  readonly recfmt: number;
}

export interface DiscoveryEntry {
  readonly trtype: number;
  readonly adrfam: number;
  readonly subtype: number;
  readonly treq: number;
  readonly portid: number;
  readonly cntlid: number;
  /** Admin queue size, entries. */
  readonly asqsz: number;
  readonly eflags: number;
  /** Port, as printable ASCII. */
  readonly trsvcid: string;
  readonly subnqn: string;
  /** Address, as printable ASCII. */
  readonly traddr: string;
  /** TCP: security type, 0 = none. */
  readonly sectype: number;
}

/** @throws CausewayError `nvme-malformed`, `nvme-too-large` */
export function readDiscoveryHeader(view: DataView, at: number): DiscoveryHeader {
  requireBytes(view, at, discoveryHeaderBytes, 'the discovery log header');
  const recfmt = view.getUint16(at + header.recfmt, true);
  if (recfmt !== 0) throw malformed(`a discovery log in the unknown format ${recfmt}`);
  const numrec = readU64(view, at + header.numrec);
  if (numrec > maxDiscoveryEntries) throw malformed(`a discovery log of ${numrec} entries`);
  return { genctr: view.getBigUint64(at + header.genctr, true), numrec, recfmt };
}

export function writeDiscoveryHeader(view: DataView, at: number, genctr: bigint, numrec: number): void {
  zero(view, at, discoveryHeaderBytes);
  view.setBigUint64(at + header.genctr, genctr, true);
  writeU64(view, at + header.numrec, numrec);
}

/** @throws CausewayError `nvme-malformed` if it is short, of an unknown kind, or its NQN is not text */
export function readDiscoveryEntry(view: DataView, at: number): DiscoveryEntry {
  requireBytes(view, at, discoveryEntryBytes, 'a discovery log entry');
  const kind = view.getUint8(at + entry.subtype);
  if (kind < subtype.referral || kind > subtype.currentDiscovery) {
    throw malformed(`a discovery log entry of the unknown subsystem type ${kind}`);
  }
  const subnqn = readUtf8(view, at + entry.subnqn, nqnFieldBytes);
  if (subnqn === null) throw malformed('a discovery log entry whose subsystem name is not text');
  return {
    trtype: view.getUint8(at + entry.trtype),
    adrfam: view.getUint8(at + entry.adrfam),
    subtype: kind,
    treq: view.getUint8(at + entry.treq),
    portid: view.getUint16(at + entry.portid, true),
    cntlid: view.getUint16(at + entry.cntlid, true),
    asqsz: view.getUint16(at + entry.asqsz, true),
    eflags: view.getUint16(at + entry.eflags, true),
    trsvcid: readText(view, at + entry.trsvcid, trsvcidBytes),
    subnqn,
    traddr: readText(view, at + entry.traddr, traddrBytes),
    sectype: view.getUint8(at + entry.tsas),
  };
}

export function writeDiscoveryEntry(view: DataView, at: number, data: DiscoveryEntry): void {
  zero(view, at, discoveryEntryBytes);
  view.setUint8(at + entry.trtype, data.trtype);
  view.setUint8(at + entry.adrfam, data.adrfam);
  view.setUint8(at + entry.subtype, data.subtype);
  view.setUint8(at + entry.treq, data.treq);
  view.setUint16(at + entry.portid, data.portid, true);
  view.setUint16(at + entry.cntlid, data.cntlid, true);
  view.setUint16(at + entry.asqsz, data.asqsz, true);
  view.setUint16(at + entry.eflags, data.eflags, true);
  // ASCII fields are padded with spaces, as everywhere in NVMe; readers take NUL as well.
  writeText(view, at + entry.trsvcid, trsvcidBytes, data.trsvcid, 0x20);
  writeUtf8(view, at + entry.subnqn, nqnFieldBytes, data.subnqn);
  writeText(view, at + entry.traddr, traddrBytes, data.traddr, 0x20);
  view.setUint8(at + entry.tsas, data.sectype);
}

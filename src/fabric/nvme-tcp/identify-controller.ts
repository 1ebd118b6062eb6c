/**
 * Identify Controller, CNS 01h (NVMe Base 2.3, figure 328), and the NVM command set's own part, CNS 06h (NVM Command Set,
 * "I/O Command Set specific Identify Controller data structure"). Only the fields that Causeway uses; the rest of the 4096
 * bytes is ignored when read and 0 when written.
 */
import { identifyBytes } from './constants.ts';
import { nqnFieldBytes } from './connect-data.ts';
import { malformed, readText, readUtf8, requireBytes, writeText, writeUtf8, zero } from './wire.ts';

/** Fields under the specification's names. */
export interface IdentifyController {
  readonly vid: number;
  /** Serial number, model number, firmware revision: printable ASCII, padding removed. */
  readonly sn: string;
  readonly mn: string;
  readonly fr: string;
  readonly cmic: number;
  /** Largest transfer: 2^mdts memory pages of CAP.MPSMIN; 0 = no limit. */
  readonly mdts: number;
  readonly cntlid: number;
  /** Version, as property VS: major, minor, tertiary in bits 31:16, 15:8, 7:0. */
  readonly ver: number;
  /** RTD3 resume and entry latency in microseconds; the latter bounds an orderly shutdown. */
  readonly rtd3r: number;
  readonly rtd3e: number;
  readonly oaes: number;
  readonly ctratt: number;
  readonly cntrltype: number;
  /** Command retry delay times that CRD of a completion points to, 100 ms. */
  readonly crdt1: number;
  readonly crdt2: number;
  readonly crdt3: number;
  /** Controller instance uniquifier and random number: tell instances of one cntlid apart. 0 = not reported. */
  readonly ciu: number;
  readonly cirn: bigint;
  readonly oacs: number;
  /** Abort command limit and asynchronous event request limit, 0's based. */
  readonly acl: number;
  readonly aerl: number;
  readonly lpa: number;
  /** Entries of the error log, 0's based. */
  readonly elpe: number;
  /** Granularity of the keep-alive timer, 100 ms; 0 = no keep-alive. */
  readonly kas: number;
  /** Longest ANA transition, seconds. */
  readonly anatt: number;
  readonly anacap: number;
  readonly anagrpmax: number;
  readonly nanagrpid: number;
  /** Command quiesce time, milliseconds: 0 = not reported, 1 = needs none. */
  readonly cqt: number;
  /** Entry sizes as powers of two: required in bits 3:0, largest in bits 7:4. */
  readonly sqes: number;
  readonly cqes: number;
  /** Most commands outstanding on one I/O queue; 0 = not reported. */
  readonly maxcmd: number;
  readonly nn: number;
  readonly oncs: number;
  readonly vwc: number;
  readonly sgls: number;
  /** Most active namespaces; 0 = `nn`. */
  readonly mnan: number;
  /** Null from a reader: not NUL-terminated UTF-8. */
  readonly subnqn: string | null;
  /** I/O queue capsule sizes and in-capsule data offset, 16 bytes. */
  readonly ioccsz: number;
  readonly iorcsz: number;
  readonly icdoff: number;
  readonly fcatt: number;
  /** Most SGL descriptors in a capsule; 0 = no limit. */
  readonly msdbd: number;
  readonly ofcs: number;
  readonly dctype: number;
  /** Cross-controller resets at once; 0 = none. */
  readonly ccrl: number;
}

const text = { sn: 4, mn: 24, fr: 64, subnqn: 768, snBytes: 20, mnBytes: 40, frBytes: 8 } as const;

type NumberField = Exclude<keyof IdentifyController, 'sn' | 'mn' | 'fr' | 'subnqn' | 'cirn'>;

/** Offset and width of every number, for the reader, the writer and the tests. */
export const controllerFields: Readonly<Record<NumberField, readonly [offset: number, bytes: 1 | 2 | 4]>> = {
  vid: [0, 2],
  cmic: [76, 1],
  mdts: [77, 1],
  cntlid: [78, 2],
  ver: [80, 4],
  rtd3r: [84, 4],
  rtd3e: [88, 4],
  oaes: [92, 4],
  ctratt: [96, 4],
  cntrltype: [111, 1],
  crdt1: [128, 2],
  crdt2: [130, 2],
  crdt3: [132, 2],
  ciu: [135, 1],
  oacs: [256, 2],
  acl: [258, 1],
  aerl: [259, 1],
  lpa: [261, 1],
  elpe: [262, 1],
  kas: [320, 2],
  anatt: [342, 1],
  anacap: [343, 1],
  anagrpmax: [344, 4],
  nanagrpid: [348, 4],
  cqt: [386, 2],
  sqes: [512, 1],
  cqes: [513, 1],
  maxcmd: [514, 2],
  nn: [516, 4],
  oncs: [520, 2],
  vwc: [525, 1],
  sgls: [536, 4],
  mnan: [540, 4],
  ioccsz: [1792, 4],
  iorcsz: [1796, 4],
  icdoff: [1800, 2],
  fcatt: [1802, 1],
  msdbd: [1803, 1],
  ofcs: [1804, 2],
  dctype: [1806, 1],
  ccrl: [1807, 1],
};

const cirnOffset = 136;

/**
 * Reads the fields as they are: whether they suit us is asked of controller-limits.ts.
 * @throws CausewayError `nvme-malformed` if it is short
 */
export function readIdentifyController(view: DataView, at: number): IdentifyController {
  requireBytes(view, at, identifyBytes, 'identify controller data');
  const number = (field: NumberField): number => {
    const [offset, bytes] = controllerFields[field];
    if (bytes === 1) return view.getUint8(at + offset);
    return bytes === 2 ? view.getUint16(at + offset, true) : view.getUint32(at + offset, true);
  };
  return {
    vid: number('vid'),
    sn: readText(view, at + text.sn, text.snBytes),
    mn: readText(view, at + text.mn, text.mnBytes),
    fr: readText(view, at + text.fr, text.frBytes),
    cmic: number('cmic'),
    mdts: number('mdts'),
    cntlid: number('cntlid'),
    ver: number('ver'),
    rtd3r: number('rtd3r'),
    rtd3e: number('rtd3e'),
    oaes: number('oaes'),
    ctratt: number('ctratt'),
    cntrltype: number('cntrltype'),
    crdt1: number('crdt1'),
    crdt2: number('crdt2'),
    crdt3: number('crdt3'),
    ciu: number('ciu'),
    cirn: view.getBigUint64(at + cirnOffset, true),
    oacs: number('oacs'),
    acl: number('acl'),
    aerl: number('aerl'),
    lpa: number('lpa'),
    elpe: number('elpe'),
    kas: number('kas'),
    anatt: number('anatt'),
    anacap: number('anacap'),
    anagrpmax: number('anagrpmax'),
    nanagrpid: number('nanagrpid'),
    cqt: number('cqt'),
    sqes: number('sqes'),
    cqes: number('cqes'),
    maxcmd: number('maxcmd'),
    nn: number('nn'),
    oncs: number('oncs'),
    vwc: number('vwc'),
    sgls: number('sgls'),
    mnan: number('mnan'),
    subnqn: readUtf8(view, at + text.subnqn, nqnFieldBytes),
    ioccsz: number('ioccsz'),
    iorcsz: number('iorcsz'),
    icdoff: number('icdoff'),
    fcatt: number('fcatt'),
    msdbd: number('msdbd'),
    ofcs: number('ofcs'),
    dctype: number('dctype'),
    ccrl: number('ccrl'),
  };
}

/** Writes all 4096 bytes; fields left out are 0 or empty. */
export function writeIdentifyController(view: DataView, at: number, data: Partial<IdentifyController>): void {
  zero(view, at, identifyBytes);
  writeText(view, at + text.sn, text.snBytes, data.sn ?? '', 0x20);
  writeText(view, at + text.mn, text.mnBytes, data.mn ?? '', 0x20);
  writeText(view, at + text.fr, text.frBytes, data.fr ?? '', 0x20);
  writeUtf8(view, at + text.subnqn, nqnFieldBytes, data.subnqn ?? '');
  view.setBigUint64(at + cirnOffset, data.cirn ?? 0n, true);
  let field: NumberField;
  for (field in controllerFields) {
    const [offset, bytes] = controllerFields[field];
    const value = data[field] ?? 0;
    if (bytes === 1) view.setUint8(at + offset, value);
    else if (bytes === 2) view.setUint16(at + offset, value, true);
    else view.setUint32(at + offset, value, true);
  }
}

/** Limits of the NVM command set, as powers of two of CAP.MPSMIN pages (`wzsl`) or counts; 0 = not reported. */
export interface IdentifyControllerNvm {
  readonly vsl: number;
  /** Largest write zeroes: 2^wzsl pages; 0 = no limit of its own. */
  readonly wzsl: number;
  readonly wusl: number;
  /** Dataset management: most ranges, most blocks a range, most blocks in all. */
  readonly dmrl: number;
  readonly dmrsl: number;
  /** Numbers beyond 2^53 are read as 2^53 - 1: as good as no limit. */
  readonly dmsl: number;
}

const nvm = { vsl: 0, wzsl: 1, wusl: 2, dmrl: 3, dmrsl: 4, dmsl: 8 } as const;

/** @throws CausewayError `nvme-malformed` if it is short or a power of two is absurd */
export function readIdentifyControllerNvm(view: DataView, at: number): IdentifyControllerNvm {
  requireBytes(view, at, identifyBytes, 'identify controller data of the NVM command set');
  const wzsl = view.getUint8(at + nvm.wzsl);
  if (wzsl > maxPageExponent) throw malformed(`a WZSL of ${wzsl}`);
  const dmslHigh = view.getUint32(at + nvm.dmsl + 4, true);
  const dmsl = dmslHigh * 0x1_0000_0000 + view.getUint32(at + nvm.dmsl, true);
  return {
    vsl: view.getUint8(at + nvm.vsl),
    wzsl,
    wusl: view.getUint8(at + nvm.wusl),
    dmrl: view.getUint8(at + nvm.dmrl),
    dmrsl: view.getUint32(at + nvm.dmrsl, true),
    dmsl: Math.min(dmsl, Number.MAX_SAFE_INTEGER),
  };
}

/** Writes all 4096 bytes. */
export function writeIdentifyControllerNvm(view: DataView, at: number, data: Partial<IdentifyControllerNvm>): void {
  zero(view, at, identifyBytes);
  view.setUint8(at + nvm.vsl, data.vsl ?? 0);
  view.setUint8(at + nvm.wzsl, data.wzsl ?? 0);
  view.setUint8(at + nvm.wusl, data.wusl ?? 0);
  view.setUint8(at + nvm.dmrl, data.dmrl ?? 0);
  view.setUint32(at + nvm.dmrsl, data.dmrsl ?? 0, true);
  view.setBigUint64(at + nvm.dmsl, BigInt(data.dmsl ?? 0), true);
}

/** MDTS and WZSL above this name more bytes than any volume has (2^32 pages of 4096 bytes): not believed. */
export const maxPageExponent = 32;

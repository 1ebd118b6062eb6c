/**
 * Controller properties that fabrics have (NVMe Base, "Controller Properties"), as low and high words of what Property Get
 * and Set carry.
 */

/** Offsets and sizes. */
export const property = { cap: 0x00, vs: 0x08, cc: 0x14, csts: 0x1c, nssr: 0x20, crto: 0x68 } as const;

/** CAP is the only property of 8 bytes here. */
export function propertyBytes(ofst: number): 4 | 8 {
  return ofst === property.cap ? 8 : 4;
}

/** Controller capabilities. */
export interface Cap {
  /** Maximum queue entries, as a count (0's based on the wire). */
  readonly mqes: number;
  /** Queues must be contiguous; always so on fabrics. */
  readonly cqr: boolean;
  /** Longest wait for CSTS.RDY to follow CC.EN, milliseconds (500 ms units on the wire). */
  readonly toMs: number;
  /** NVM subsystem reset is supported. */
  readonly nssrs: boolean;
  /** Command sets: bit 0 NVM, 6 others by CSI, 7 none. */
  readonly css: number;
  /** Smallest and largest memory page, bytes. MDTS and WZSL count in the smallest. */
  readonly mpsminBytes: number;
  readonly mpsmaxBytes: number;
  /** Controller ready modes: bit 0 with media, 1 independent of media. */
  readonly crms: number;
}

export function readCap(low: number, high: number): Cap {
  return {
    mqes: (low & 0xffff) + 1,
    cqr: (low & 0x1_0000) !== 0,
    toMs: (low >>> 24) * 500,
    nssrs: (high & 0x10) !== 0,
    css: (high >>> 5) & 0xff,
    mpsminBytes: 4096 * 2 ** ((high >>> 16) & 15),
    mpsmaxBytes: 4096 * 2 ** ((high >>> 20) & 15),
    crms: (high >>> 27) & 3,
  };
}

function pageExponent(bytes: number): number {
  return Math.log2(bytes) - 12;
}

/** The two words of CAP; the page sizes are powers of two from 4096 on, `toMs` is rounded up to 500 ms. */
export function writeCap(cap: Cap): { readonly low: number; readonly high: number } {
  const to = Math.min(255, Math.ceil(cap.toMs / 500));
  const low = ((cap.mqes - 1) | (cap.cqr ? 0x1_0000 : 0) | (to << 24)) >>> 0;
  const high =
    ((cap.nssrs ? 0x10 : 0) |
      (cap.css << 5) |
      (pageExponent(cap.mpsminBytes) << 16) |
      (pageExponent(cap.mpsmaxBytes) << 20) |
      (cap.crms << 27)) >>>
    0;
  return { low, high };
}

/** Bits of CAP.CSS. */
export const capCss = { nvm: 0x01, byCsi: 0x40, none: 0x80 } as const;

/** Controller configuration. */
export interface Cc {
  readonly en: boolean;
  /** 0 = NVM command set, 6 = all supported, 7 = admin only. */
  readonly css: number;
  /** Memory page, as a power of two above 4096. */
  readonly mps: number;
  readonly ams: number;
  /** Shutdown notification: 0 none, 1 normal, 2 abrupt. */
  readonly shn: number;
  /** Queue entry sizes as powers of two: 6 and 4. */
  readonly iosqes: number;
  readonly iocqes: number;
  readonly crime: boolean;
}

export const shn = { none: 0, normal: 1, abrupt: 2 } as const;

export function readCc(word: number): Cc {
  return {
    en: (word & 1) !== 0,
    css: (word >>> 4) & 7,
    mps: (word >>> 7) & 15,
    ams: (word >>> 11) & 7,
    shn: (word >>> 14) & 3,
    iosqes: (word >>> 16) & 15,
    iocqes: (word >>> 20) & 15,
    crime: (word & 0x0100_0000) !== 0,
  };
}

export function writeCc(cc: Cc): number {
  return (
    ((cc.en ? 1 : 0) |
      (cc.css << 4) |
      (cc.mps << 7) |
      (cc.ams << 11) |
      (cc.shn << 14) |
      (cc.iosqes << 16) |
      (cc.iocqes << 20) |
      (cc.crime ? 0x0100_0000 : 0)) >>>
    0
  );
}

/** Controller status. */
export interface Csts {
  readonly rdy: boolean;
  /** Controller fatal status: only a reset helps. */
  readonly cfs: boolean;
  /** Shutdown: 0 normal operation, 1 under way, 2 complete. */
  readonly shst: number;
  readonly nssro: boolean;
  /** Processing paused. */
  readonly pp: boolean;
}

export const shst = { normal: 0, underWay: 1, complete: 2 } as const;

export function readCsts(word: number): Csts {
  return {
    rdy: (word & 1) !== 0,
    cfs: (word & 2) !== 0,
    shst: (word >>> 2) & 3,
    nssro: (word & 0x10) !== 0,
    pp: (word & 0x20) !== 0,
  };
}

export function writeCsts(csts: Csts): number {
  return (csts.rdy ? 1 : 0) | (csts.cfs ? 2 : 0) | (csts.shst << 2) | (csts.nssro ? 0x10 : 0) | (csts.pp ? 0x20 : 0);
}

/** Controller ready timeouts, milliseconds: with media, and independent of media. */
export function readCrto(word: number): { readonly crwmtMs: number; readonly crimtMs: number } {
  return { crwmtMs: (word & 0xffff) * 500, crimtMs: (word >>> 16) * 500 };
}

/**
 * How long to wait for CSTS.RDY after CC.EN = 1, milliseconds: CRTO where the controller has it (CAP.CRMS), which may
 * be longer than CAP.TO can say. Some controllers report a CRTO of 0; CAP.TO bounds from below then.
 */
export function readyTimeoutMs(cap: Cap, crto: number): number {
  return cap.crms === 0 ? cap.toMs : Math.max(cap.toMs, readCrto(crto).crwmtMs);
}

/** VS: 2.1.0 as a word, and a word as text. */
export function versionWord(major: number, minor: number, tertiary: number): number {
  return (major << 16) | (minor << 8) | tertiary;
}

export function versionText(word: number): string {
  return `${word >>> 16}.${(word >>> 8) & 0xff}.${word & 0xff}`;
}

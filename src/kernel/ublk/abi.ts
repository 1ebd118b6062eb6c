/**
 * The kernel ABI of ublk: include/uapi/linux/ublk_cmd.h. Written down here because the header that a distribution ships
 * is often older than its kernel. Offsets are in bytes from the start of their structure; numbers are in the byte order
 * of the machine.
 */

const directionWrite = 1;
const directionRead = 2;
const both = directionRead | directionWrite;
/** 'u' */
const ioctlType = 0x75;

export const controlCommandBytes = 32;
export const ioCommandBytes = 16;

/** _IOC of asm-generic/ioctl.h. Commands are ioctl-encoded (Linux 6.4): the bare numbers may be compiled out. */
function encode(direction: number, number: number, bytes: number): number {
  return ((direction << 30) | (bytes << 16) | (ioctlType << 8) | number) >>> 0;
}

/** UBLK_U_CMD_*: what /dev/ublk-control understands. */
export const controlCommand = {
  getDevInfo: encode(directionRead, 0x02, controlCommandBytes),
  addDev: encode(both, 0x04, controlCommandBytes),
  delDev: encode(both, 0x05, controlCommandBytes),
  startDev: encode(both, 0x06, controlCommandBytes),
  stopDev: encode(both, 0x07, controlCommandBytes),
  setParams: encode(both, 0x08, controlCommandBytes),
  startUserRecovery: encode(both, 0x10, controlCommandBytes),
  endUserRecovery: encode(both, 0x11, controlCommandBytes),
  /** Linux 6.5 */
  getFeatures: encode(directionRead, 0x13, controlCommandBytes),
  /** Does not wait until everybody has let go of it. */
  delDevAsync: encode(directionRead, 0x14, controlCommandBytes),
  updateSize: encode(both, 0x15, controlCommandBytes),
  tryStopDev: encode(both, 0x17, controlCommandBytes),
} as const;

/** UBLK_U_IO_*: what /dev/ublkcN understands. */
export const ioCommand = {
  fetchReq: encode(both, 0x20, ioCommandBytes),
  commitAndFetchReq: encode(both, 0x21, ioCommandBytes),
} as const;

/** UBLK_F_*, as bits of a 64-bit word. */
export const feature = {
  /** Requests of a dead server wait for the next one … */
  userRecovery: 1n << 3n,
  /** … and what it had not answered is handed out again. Both Linux 6.1. */
  userRecoveryReissue: 1n << 4n,
  /** Linux 6.16 */
  updateSize: 1n << 10n,
  /** TRY_STOP_DEV: stops a device only if nobody has it open. */
  safeStopDev: 1n << 17n,
  noAutoPartScan: 1n << 18n,
} as const;
export const featuresBytes = 8;

/** ublksrv_ctrl_cmd, in the command part of a wide submission. `queueId` is 0xffff where there is none. */
export const controlCommandField = { devId: 0, queueId: 4, len: 6, addr: 8, data: 16, devPathLen: 24 } as const;
export const noQueue = 0xffff;
/** The dev_id of a command that is about no device. */
export const noDevice = 0xffff_ffff;
/** UBLK_MINORS: device numbers are below. */
export const mostDevices = 1 << 20;

export const devInfoBytes = 64;
/** ublksrv_ctrl_dev_info. The kernel keeps `ublksrvFlags` for the server and never looks at them. */
export const devInfoField = {
  nrHwQueues: 0,
  queueDepth: 2,
  state: 4,
  maxIoBufBytes: 8,
  devId: 12,
  ublksrvPid: 16,
  flags: 24,
  ublksrvFlags: 32,
  ownerUid: 40,
  ownerGid: 44,
} as const;

/** UBLK_S_DEV_* */
export const deviceState = { dead: 0, live: 1, quiesced: 2, failIo: 3 } as const;

/** ublk_params, as far as Linux 6.1 knows them: header, basic, discard. Longer ones are for what is not used here. */
export const paramsBytes = 60;
export const paramsField = {
  len: 0,
  types: 4,
  /** ublk_param_basic */
  attrs: 8,
  logicalBsShift: 12,
  physicalBsShift: 13,
  ioOptShift: 14,
  ioMinShift: 15,
  maxSectors: 16,
  chunkSectors: 20,
  devSectors: 24,
  virtBoundaryMask: 32,
  /** ublk_param_discard */
  discardAlignment: 40,
  discardGranularity: 44,
  maxDiscardSectors: 48,
  maxWriteZeroesSectors: 52,
  maxDiscardSegments: 56,
} as const;

/** UBLK_PARAM_TYPE_* */
export const paramType = { basic: 1 << 0, discard: 1 << 1 } as const;
/** UBLK_ATTR_* */
export const attribute = { readOnly: 1 << 0, volatileCache: 1 << 2, fua: 1 << 3 } as const;

/** ublksrv_io_desc: one request, where the kernel describes it. */
export const ioDescBytes = 24;
export const ioDescField = { opFlags: 0, nrSectors: 4, startSector: 8, addr: 16 } as const;

/** UBLK_IO_OP_*: the low byte of op_flags. */
export const ioOp = { read: 0, write: 1, flush: 2, discard: 3, writeZeroes: 5 } as const;
export const ioOpMask = 0xff;
/** UBLK_IO_F_* */
export const ioFlag = { fua: 1 << 13, noUnmap: 1 << 15 } as const;

/** ublksrv_io_cmd, in the command part of a submission. */
export const ioCommandField = { qId: 0, tag: 2, result: 4, addr: 8 } as const;

/** UBLK_MAX_QUEUE_DEPTH: the descriptors of a queue begin at a multiple of what a queue of this depth takes. */
const deepestQueue = 4096;
const pageBytes = 4096;

function roundUpToPage(bytes: number): number {
  return Math.ceil(bytes / pageBytes) * pageBytes;
}

/** What is mapped of /dev/ublkcN for a queue: bytes. */
export function descriptorBytes(depth: number): number {
  return roundUpToPage(depth * ioDescBytes);
}

/** Where it begins. The stride does not depend on the depth. */
export function descriptorOffset(queue: number): number {
  return queue * roundUpToPage(deepestQueue * ioDescBytes);
}

/** Sectors are of 512 bytes whatever the block size is. */
export const sectorBytes = 512;

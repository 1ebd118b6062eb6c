/** The kernel's interface for NBD: include/uapi/linux/nbd.h, nbd-netlink.h. The wire: NetworkBlockDevice doc/proto.md. */

export const familyName = 'nbd';
export const familyVersion = 1;

export const command = { connect: 1, disconnect: 2, reconfigure: 3 } as const;

export const attribute = {
  index: 1,
  sizeBytes: 2,
  blockSizeBytes: 3,
  /** Seconds after which the kernel gives a request up; 0: never. */
  timeout: 4,
  serverFlags: 5,
  sockets: 7,
  /** Seconds for which requests wait for a new connection. */
  deadConnectionTimeout: 8,
  /** A text that stands in `/sys/block/nbdN/backend` (Linux 5.14). */
  backendIdentifier: 10,
} as const;

/** Within `sockets`: items, each with a descriptor. */
export const socketItem = 1;
export const socketDescriptor = 1;

export const serverFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  /** Linux 6.12; earlier kernels write zeroes themselves. */
  sendWriteZeroes: 1 << 6,
  canMultiConnection: 1 << 8,
} as const;

/** Transmission phase; every field is big-endian. */
export const requestMagic = 0x2560_9513;
export const replyMagic = 0x6744_6698;

export const requestBytes = 28;
/** Places in a request. */
export const request = { magic: 0, flags: 4, type: 6, cookie: 8, offset: 16, length: 24 } as const;

export const replyBytes = 16;
/** Places in a simple reply. */
export const reply = { magic: 0, error: 4, cookie: 8 } as const;

export const requestType = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;

export const requestFlag = {
  fua: 1 << 0,
  /** Of write-zeroes: the space stays allocated. */
  noHole: 1 << 1,
} as const;

/** The most that the kernel's driver puts into one read or write (`max_hw_sectors`). */
export const largestTransferBytes = 32 * 1024 * 1024;

/** Errors that the protocol knows, by status of a request (block/status.ts). */
const EPERM = 1;
const EIO = 5;
const EINVAL = 22;
const ENOSPC = 28;
const ENOTSUP = 95;
const ESHUTDOWN = 108;
export const statusError: readonly number[] = [
  0,
  EIO,
  EIO,
  ENOTSUP,
  ENOSPC,
  EPERM,
  EIO,
  EINVAL,
  EIO,
  EIO,
  ESHUTDOWN,
  EIO,
];

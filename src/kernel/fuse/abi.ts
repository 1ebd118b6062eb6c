/**
 * The kernel ABI of FUSE, as far as a file system needs it that consists of one file: include/uapi/linux/fuse.h. All
 * offsets are in bytes from the start of their structure; all numbers are in the byte order of the machine.
 */

/** FUSE_KERNEL_VERSION and the newest FUSE_KERNEL_MINOR_VERSION whose structures stand here (Linux 6.14). */
export const fuseMajor = 7;
export const fuseMinor = 42;
/** Before this one fuse_init_out is shorter and loop devices cannot do direct I/O on FUSE: Linux 4.20. */
export const oldestFuseMinor = 28;

/** The only inode there is. */
export const rootNode = 1;

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  access: 34,
  interrupt: 36,
  destroy: 38,
  ioctl: 39,
  batchForget: 42,
  fallocate: 43,
  lseek: 46,
} as const;

/** fuse_in_header: what every request begins with. */
export const inHeaderBytes = 40;
export const inHeader = {
  len: 0,
  opcode: 4,
  unique: 8,
  nodeId: 16,
  uid: 24,
  gid: 28,
  pid: 32,
  totalExtLen: 36,
} as const;

/** fuse_out_header: what every answer begins with. */
export const outHeaderBytes = 16;
export const outHeader = { len: 0, error: 4, unique: 8 } as const;

export const initInBytes = 64;
export const initIn = { major: 0, minor: 4, maxReadahead: 8, flags: 12, flags2: 16 } as const;
/** Before 7.36 there are no flags2. */
export const shortInitInBytes = 16;

export const initOutBytes = 64;
export const initOut = {
  major: 0,
  minor: 4,
  maxReadahead: 8,
  flags: 12,
  maxBackground: 16,
  congestionThreshold: 18,
  maxWrite: 20,
  timeGranularity: 24,
  maxPages: 28,
  mapAlignment: 30,
  flags2: 32,
} as const;

/** FUSE_*: flags of INIT, first word. */
export const initFlag = {
  asyncRead: 1 << 0,
  bigWrites: 1 << 5,
  asyncDirectIo: 1 << 15,
  parallelDirOps: 1 << 18,
  abortError: 1 << 21,
  maxPages: 1 << 22,
  /** The second word of flags is valid. */
  extended: 1 << 30,
} as const;

/** FUSE_*: flags of INIT, second word. */
export const initFlag2 = { hasResend: 1 << 7, overIoUring: 1 << 9 } as const;

/** FUSE_NOTIFY_RESEND: hand out again what was handed out and not answered. Goes as the "error" of an out header. */
export const notifyResend = 7;

export const readInBytes = 40;
export const readIn = { fh: 0, offset: 8, size: 16 } as const;

export const writeInBytes = 40;
export const writeIn = { fh: 0, offset: 8, size: 16, writeFlags: 20 } as const;
export const writeOutBytes = 8;

export const fallocateInBytes = 32;
export const fallocateIn = { fh: 0, offset: 8, length: 16, mode: 24 } as const;

export const fsyncInBytes = 16;

export const openInBytes = 8;
export const openOutBytes = 16;
export const openOut = { fh: 0, openFlags: 8 } as const;

/** FOPEN_* */
export const openReplyFlag = {
  directIo: 1 << 0,
  /** Nothing is cached, so closing flushes nothing. */
  noFlush: 1 << 5,
  parallelDirectWrites: 1 << 6,
} as const;

export const setattrInBytes = 88;
export const setattrIn = { valid: 0, size: 16 } as const;
/** FATTR_* */
export const attrValid = { mode: 1 << 0, uid: 1 << 1, gid: 1 << 2, size: 1 << 3 } as const;

export const attrBytes = 88;
export const attr = {
  ino: 0,
  size: 8,
  blocks: 16,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  blksize: 80,
} as const;

/** fuse_attr_out: how long the attributes are valid (16 bytes), then fuse_attr. */
export const attrOutBytes = 104;
export const attrOutAttr = 16;

export const statfsOutBytes = 80;
export const statfsOut = { blocks: 0, bsize: 40, namelen: 44, frsize: 48 } as const;

export const lseekInBytes = 24;
export const lseekIn = { fh: 0, offset: 8, whence: 16 } as const;
export const lseekOutBytes = 8;

/** Modes of fallocate(2). */
export const fallocateMode = { keepSize: 1, punchHole: 2, zeroRange: 16 } as const;
/** Whences of lseek(2) that reach a file system. */
export const whence = { data: 3, hole: 4 } as const;
/** S_IFREG */
export const regularFile = 0o100000;

/** FUSE_DEV_IOC_CLONE: a descriptor of /dev/fuse joins the connection of another one. */
export const deviceClone = 0x8004e500;

/** The shortest buffer with which /dev/fuse may be read (FUSE_MIN_READ_BUFFER). */
export const leastReadBytes = 8192;

/** FUSE over io_uring, Linux 6.14: commands of IORING_OP_URING_CMD. */
export const uringCommand = { register: 1, commitAndFetch: 2 } as const;

/** fuse_uring_cmd_req, in the command part of a wide submission: flags u64, commit_id u64, qid u16, padding. */
export const uringRequestBytes = 24;
export const uringRequest = { flags: 0, commitId: 8, qid: 16 } as const;

/** fuse_uring_req_header: in_out, op_in and ring_ent_in_out stand one behind the other. */
export const uringHeaderBytes = 288;
export const uringHeader = { inOut: 0, opIn: 128, entFlags: 256, entCommitId: 264, entPayloadSize: 272 } as const;

/** Major number of file systems without a device, FUSE among them; its minor number is the connection's. */
export const anonymousMajor = 0;

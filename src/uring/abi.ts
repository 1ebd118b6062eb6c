/**
 * The kernel ABI of io_uring, written down in one place: include/uapi/linux/io_uring.h. Sizes and offsets are proved
 * against the running kernel by the tests.
 */

/** IORING_SETUP_* */
export const setupFlag = {
  cqSize: 1 << 3,
  clamp: 1 << 4,
  /** 5.18: one bad submission does not stop the rest of the batch. */
  submitAll: 1 << 7,
  /** 5.19: no interrupt of the thread when a completion is due. */
  coopTaskrun: 1 << 8,
  /** 5.19: submissions of 128 bytes, needed by FUSE over io_uring and the ublk control device. */
  sqe128: 1 << 10,
  /** 6.0 */
  singleIssuer: 1 << 12,
  /** 6.1: completions are produced when the thread asks for them. */
  deferTaskrun: 1 << 13,
} as const;

/** IORING_FEAT_* */
export const feature = {
  singleMmap: 1 << 0,
  /** Completions are never dropped: those that find no room wait in the kernel. */
  noDrop: 1 << 1,
  /** What a submission points to may be reused when enter has returned (iovecs, msghdr). */
  submitStable: 1 << 2,
  /** A bounded wait in enter. */
  extArg: 1 << 8,
} as const;

/** io_uring_params: 120 bytes. */
export const paramsBytes = 120;
export const params = {
  sqEntries: 0,
  cqEntries: 4,
  flags: 8,
  features: 20,
  /** io_sqring_offsets, 40 bytes */
  sqHead: 40,
  sqTail: 44,
  sqMask: 48,
  sqArray: 64,
  /** io_cqring_offsets, 40 bytes */
  cqHead: 80,
  cqTail: 84,
  cqMask: 88,
  cqOverflow: 96,
  cqCqes: 100,
} as const;

/** mmap offsets. */
export const offRings = 0;
export const offSqes = 0x10000000;

/** Words (4 bytes) of a submission queue entry. */
export const sqe = {
  /** opcode u8, flags u8, ioprio u16 */
  opcode: 0,
  fd: 1,
  /** off u64; addr2; cmd_op u32 in its first word */
  off: 2,
  /** addr u64 */
  addr: 4,
  len: 6,
  /** rw_flags, fsync_flags, msg_flags, poll32_events, cancel_flags, uring_cmd_flags … */
  opFlags: 7,
  userLow: 8,
  userHigh: 9,
  /** buf_index u16, personality u16 */
  bufIndex: 10,
  fileIndex: 11,
  /** addr3 / cmd[] begins here: byte 48 */
  cmd: 12,
} as const;

/** Words of a completion queue entry (16 bytes). */
export const cqe = { userLow: 0, userHigh: 1, res: 2, flags: 3 } as const;
export const cqeWords = 4;

/** IORING_CQE_F_MORE: the submission will produce more completions. */
export const cqeMore = 1 << 1;

/** IORING_OP_* */
export const opcode = {
  nop: 0,
  readv: 1,
  writev: 2,
  fsync: 3,
  pollAdd: 6,
  sendmsg: 9,
  accept: 13,
  asyncCancel: 14,
  connect: 16,
  fallocate: 17,
  read: 22,
  write: 23,
  send: 26,
  recv: 27,
  uringCmd: 46,
} as const;

/** IORING_ENTER_* */
export const enterFlag = { getEvents: 1 << 0, extArg: 1 << 3 } as const;

/** io_uring_getevents_arg (24 bytes): sigmask u64, sigmask_sz u32, min_wait_usec u32, ts u64 → seconds i64, nanoseconds i64. */
export const getEventsArgBytes = 24;
/** IORING_REGISTER_PROBE and io_uring_probe: last_op u8 0, ops_len u8 1, then from byte 16 entries of 8: op u8, resv u8, flags u16. */
export const registerProbe = 8;
export const probeHeaderBytes = 16;
export const probeEntryBytes = 8;
export const probeSupported = 1;

/** IORING_POLL_ADD_MULTI */
export const pollMulti = 1 << 0;
export const pollIn = 1;
/** IORING_FSYNC_DATASYNC */
export const fsyncDataSync = 1;
/** MSG_* of socket calls */
export const msgNoSignal = 0x4000;
export const msgWaitAll = 0x100;

/** struct msghdr (56 bytes on 64-bit): name u64, namelen u32, pad, iov u64 16, iovlen u64 24, control u64 32, controllen u64 40, flags 48. */
export const msghdrBytes = 56;
export const iovecBytes = 16;

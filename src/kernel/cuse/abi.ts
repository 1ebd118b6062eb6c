/**
 * The kernel ABI of CUSE, as far as it differs from that of FUSE (../fuse/abi.ts): include/uapi/linux/fuse.h. Offsets in
 * bytes; numbers in the byte order of the machine.
 */

export const opcode = { poll: 40, cuseInit: 4096 } as const;

export const cuseInitInBytes = 16;
export const cuseInitIn = { major: 0, minor: 4, flags: 12 } as const;

export const cuseInitOutBytes = 72;
export const cuseInitOut = { major: 0, minor: 4, flags: 12, maxRead: 16, maxWrite: 20 } as const;

/** CUSE_UNRESTRICTED_IOCTL: the server says what is to be copied from and to the caller. */
export const unrestrictedIoctl = 1;

export const ioctlInBytes = 32;
export const ioctlIn = { flags: 8, cmd: 12, arg: 16, inSize: 24, outSize: 28 } as const;
export const ioctlOutBytes = 16;
export const ioctlOut = { result: 0, flags: 4, inIovs: 8, outIovs: 12 } as const;
/** FUSE_IOCTL_RETRY: the answer is what is to be copied; the same ioctl comes again with it. */
export const ioctlRetry = 4;
/** fuse_ioctl_iovec: base u64, len u64. */
export const iovecBytes = 16;

/**
 * The most bytes that one ioctl brings, and the most that it takes: FUSE_DEFAULT_MAX_PAGES_PER_REQ pages of 4096 bytes,
 * which CUSE has no way to raise.
 */
export const mostIoctlBytes = 32 * 4096;

/** Memory from mmap: what the kernel may write to later. It never moves, unlike memory of the JavaScript engine. */
import { bind, lastErrno, systemError, viewOf } from './libc.ts';

const PROT_READ = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_POPULATE = 0x8000;
const MADV_DONTNEED = 4;
const MADV_DONTFORK = 10;
const MADV_HUGEPAGE = 14;
const MADV_NOHUGEPAGE = 15;

const mmap = bind<[null, number, number, number, number, number]>(
  'intptr_t mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)',
);
const munmap = bind<[number, number]>('int munmap(uintptr_t addr, size_t length)');
const madviseCall = bind<[number, number, number]>('int madvise(uintptr_t addr, size_t length, int advice)');
const memcpyCall = bind<[number, number, number]>('void memcpy(uintptr_t to, uintptr_t from, size_t length)');
const memsetCall = bind<[number, number, number]>('void memset(uintptr_t to, int byte, size_t length)');

export const pageBytes = 4096;

/** Copies `length` bytes between addresses; the ranges must not overlap and both must be mapped. */
export function copyMemory(to: number, from: number, length: number): void {
  memcpyCall(to, from, length);
}

export function fillMemory(to: number, byte: number, length: number): void {
  memsetCall(to, byte, length);
}

function map(
  what: string,
  length: number,
  flags: number,
  fd: number,
  offset: number,
  protection = PROT_READ_WRITE,
): number {
  const address = mmap(null, length, protection, flags, fd, offset);
  if (address === -1) throw systemError('out-of-memory', `cannot map ${length} bytes for ${what}`, lastErrno());
  return address;
}

/** Anonymous memory, zeroed, that takes room only where it is touched. Returns its address. */
export function mapAnonymous(what: string, length: number): number {
  const address = map(what, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  // A child process begins as a fork: without this, its start would mark every page of a large volume for copying, and
  // every page that is written meanwhile would be copied.
  madviseCall(address, length, MADV_DONTFORK);
  return address;
}

/** Memory shared with whatever stands behind a descriptor (a ring, a device, a file). Returns its address. */
export function mapShared(what: string, length: number, fd: number, offset: number): number {
  return map(what, length, MAP_SHARED | MAP_POPULATE, fd, offset);
}

/** As `mapShared`, for what only the other side may write. A view of it must never be written to: that ends the process. */
export function mapReadOnly(what: string, length: number, fd: number, offset: number): number {
  return map(what, length, MAP_SHARED | MAP_POPULATE, fd, offset, PROT_READ);
}

export function unmap(address: number, length: number): void {
  munmap(address, length);
}

/** Gives whole pages back; they read as zeroes afterwards. Anonymous private memory only. */
export function dropPages(address: number, length: number): void {
  if (madviseCall(address, length, MADV_DONTNEED) !== 0) {
    throw systemError('out-of-memory', `cannot give back ${length} bytes`, lastErrno());
  }
}

/** Asks for large pages (fewer address look-ups) or against them (exact accounting). A wish, so failure is no error. */
export function adviseHugePages(address: number, length: number, wanted: boolean): void {
  madviseCall(address, length, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

export { viewOf };

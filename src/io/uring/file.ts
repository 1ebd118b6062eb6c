/** A file or block device through the ring. */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { closeDescriptor, openFlag, openPath } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { systemError } from '../../native/libc.ts';
import { fsyncDataSync, opcode } from '../../uring/abi.ts';
import type { File, FileOptions, FileOwner } from '../contract.ts';
import type { CompletionHandler } from './handlers.ts';
import type { SocketHome } from './socket.ts';

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FALLOC_FL_ZERO_RANGE = 16;

export class UringFile implements File, CompletionHandler {
  readonly sizeBytes: number;
  readonly #home: SocketHome;
  readonly #owner: FileOwner;
  readonly #fd: number;
  readonly #handle: number;
  #underWay = 0;

  /** @throws CausewayError `file-open` */
  constructor(home: SocketHome, path: string, owner: FileOwner, options: FileOptions) {
    const flags =
      (options.readOnly === true ? openFlag.readOnly : openFlag.readWrite) |
      (options.createBytes === undefined ? 0 : openFlag.create) |
      (options.direct === true ? openFlag.direct : 0);
    const fd = openPath(path, flags);
    if (fd < 0) throw systemError('file-open', `cannot open ${path}`, -fd);
    this.#home = home;
    this.#owner = owner;
    this.#fd = fd;
    try {
      this.sizeBytes = sizeOf(fd, path, options.createBytes);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    this.#handle = home.handlers.add(this);
  }

  #push(operation: number, token: number, address: number, length: number, position: number, flags: number): void {
    this.#underWay += 1;
    this.#home.ring.push(operation, this.#fd, address, length, position, flags, token, this.#handle);
  }

  read(token: number, place: number, length: number, position: number): void {
    this.#push(opcode.read, token, this.#home.memory.base + place, length, position, 0);
  }

  write(token: number, place: number, length: number, position: number): void {
    this.#push(opcode.write, token, this.#home.memory.base + place, length, position, 0);
  }

  sync(token: number): void {
    this.#push(opcode.fsync, token, 0, 0, 0, fsyncDataSync);
  }

  zero(token: number, position: number, length: number, punch: boolean): void {
    // fallocate takes its length in the address field and its mode in the length field.
    const mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
    this.#push(opcode.fallocate, token, length, mode, position, 0);
  }

  onCompletion(token: number, res: number): void {
    this.#underWay -= 1;
    this.#owner.onFile(token, res);
  }

  close(): Promise<void> {
    assert(this.#underWay === 0, 'a file is closed while something is under way');
    closeDescriptor(this.#fd);
    this.#home.handlers.remove(this.#handle);
    return Promise.resolve();
  }
}

/** The size of what is open; a new file is made as large as wanted. A block device tells its size by its end. */
function sizeOf(fd: number, path: string, createBytes: number | undefined): number {
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) {
    if (createBytes === undefined || stat.size > 0) return stat.size;
    fs.ftruncateSync(fd, createBytes);
    return createBytes;
  }
  if (!stat.isBlockDevice())
    throw systemError('file-open', `${path} is neither a file nor a block device`, errno.EINVAL);
  const name = fs.realpathSync(path).split('/').at(-1) ?? '';
  return Number(fs.readFileSync(`/sys/class/block/${name}/size`, 'utf8')) * 512;
}

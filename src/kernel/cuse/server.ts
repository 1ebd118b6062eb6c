/**
 * The reactor side of a companion node: answers what the kernel asks over /dev/cuse. Control: ioctls are rare.
 *
 * The ring polls the descriptor, which is non-blocking. Messages are read, and answers written, by plain system calls: they
 * copy from and to the kernel and never wait for anybody. An ioctl is answered when its command has ended, which is
 * bounded by the command's own time-out; others go on meanwhile.
 *
 * INTERRUPT is not answered, as the protocol allows: a command that was sent is not unsent by it, and the caller would
 * learn less. A caller that is killed stays for as long as its command takes.
 */
import { assert } from '../../base/assert.ts';
import type { PassthroughCommand } from '../../fabric/nvme-tcp/passthrough.ts';
import type { Deferred, Timer } from '../../io/contract.ts';
import type { UringIo } from '../../io/uring/io.ts';
import { readDescriptor, writeDescriptor } from '../../native/descriptors.ts';
import { errno, errnoName } from '../../native/errno.ts';
import { cqeMore, opcode as ringOpcode, pollIn, pollMulti } from '../../uring/abi.ts';
import { inHeader, inHeaderBytes, opcode, openOutBytes, outHeader, outHeaderBytes } from '../fuse/abi.ts';
import { isEndOfConnection } from '../fuse/end.ts';
import {
  opcode as cuseOpcode,
  ioctlIn,
  ioctlInBytes,
  ioctlOut,
  ioctlOutBytes,
  ioctlRetry,
  iovecBytes,
  mostIoctlBytes,
} from './abi.ts';
import { ioctlErrno } from './ioctl-errno.ts';
import { type IoctlAnswer, ioctlOutput, ioctlResult, ioctlStep, type Iovec } from './nvme-ioctl.ts';

/** Who carries commands out. */
export interface IoctlTarget {
  readonly nsid: number;
  run(command: PassthroughCommand): Promise<IoctlAnswer>;
}

const pollToken = 0;
const cancelToken = 1;
/** POLLERR | POLLHUP */
const pollGone = 8 | 16;
/** Messages read in one go; then it is somebody else's turn. */
const mostInARow = 32;

/** Room for the largest message there is. One for all servers of a thread: what was read is taken out at once. */
let message: Uint8Array | null = null;

export class CuseServer {
  /** Resolves when nothing refers to the descriptor any more; with a sentence if that was not asked for. */
  readonly ended: Promise<string | null>;
  readonly #io: UringIo;
  readonly #fd: number;
  readonly #target: IoctlTarget;
  readonly #handle: number;
  readonly #again: Timer;
  readonly #ended: Deferred<string | null>;
  #polling = false;
  #stopping = false;
  #isOver = false;
  #failure: string | null = null;

  /** @param fd of /dev/cuse, non-blocking, after CUSE_INIT; open until `ended` */
  constructor(io: UringIo, fd: number, target: IoctlTarget) {
    this.#io = io;
    this.#fd = fd;
    this.#target = target;
    this.#handle = io.handlers.add(this);
    this.#again = io.timer(() => this.#read());
    this.#ended = io.deferred();
    this.ended = this.#ended.promise;
  }

  start(): void {
    this.#poll();
    this.#read();
  }

  /** Ioctls that are under way find nobody to answer to any more when the descriptor is closed after `ended`. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#again.disarm();
    if (!this.#polling) {
      this.#end();
      return;
    }
    const target = this.#handle * 0x1_0000_0000 + pollToken;
    this.#io.ring.push(ringOpcode.asyncCancel, -1, target, 0, 0, 0, cancelToken, this.#handle);
  }

  #poll(): void {
    this.#polling = true;
    this.#io.ring.push(ringOpcode.pollAdd, this.#fd, 0, pollMulti, 0, pollIn, pollToken, this.#handle);
  }

  onCompletion(token: number, result: number, flags: number): void {
    if (token === cancelToken) {
      this.#isCancelled = true;
    } else {
      if ((flags & cqeMore) === 0) this.#polling = false;
      if (!this.#stopping) {
        if (result < 0 || (result & pollGone) !== 0) this.#lost(result < 0 ? -result : errno.ENODEV);
        else this.#read();
        if (!this.#polling && !this.#stopping) this.#poll();
      }
    }
    if (this.#stopping && !this.#polling && this.#isCancelled) this.#end();
  }

  #isCancelled = false;

  #lost(error: number): void {
    this.#failure ??= isEndOfConnection(error) ? 'the kernel took it away' : `/dev/cuse fails: ${errnoName(error)}`;
    this.stop();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#io.handlers.remove(this.#handle);
    this.#ended.resolve(this.#failure);
  }

  #read(): void {
    message ??= new Uint8Array(inHeaderBytes + ioctlInBytes + mostIoctlBytes);
    for (let count = 0; count < mostInARow && !this.#stopping; count += 1) {
      const got = readDescriptor(this.#fd, message);
      if (got === -errno.EAGAIN) return;
      if (got === -errno.EINTR || got === -errno.ENOENT) continue;
      if (got < 0) {
        this.#lost(-got);
        return;
      }
      this.#serve(message.subarray(0, got));
    }
    if (!this.#stopping) this.#again.arm(1);
  }

  #serve(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < inHeaderBytes || view.getUint32(inHeader.len, true) !== bytes.length) {
      this.#lost(errno.EPROTO);
      return;
    }
    const unique = view.getBigUint64(inHeader.unique, true);
    switch (view.getUint32(inHeader.opcode, true)) {
      case opcode.open:
        // No handle is needed: there is one device, and nothing is kept for who has it open.
        this.#reply(unique, 0, new Uint8Array(openOutBytes));
        return;
      case opcode.release:
      case opcode.flush:
      case opcode.fsync:
        this.#reply(unique, 0);
        return;
      case opcode.read:
      case opcode.write:
        this.#reply(unique, errno.EINVAL);
        return;
      case opcode.ioctl:
        this.#ioctl(unique, view, bytes);
        return;
      case opcode.interrupt:
      case opcode.forget:
        return;
      case cuseOpcode.poll:
      default:
        // ENOSYS to a poll: always ready, and not asked again.
        this.#reply(unique, errno.ENOSYS);
    }
  }

  #ioctl(unique: bigint, view: DataView, bytes: Uint8Array): void {
    const at = inHeaderBytes;
    const inSize = bytes.length < at + ioctlInBytes ? -1 : view.getUint32(at + ioctlIn.inSize, true);
    if (inSize !== bytes.length - at - ioctlInBytes) {
      this.#reply(unique, errno.EINVAL);
      return;
    }
    const step = ioctlStep(
      {
        cmd: view.getUint32(at + ioctlIn.cmd, true),
        arg: view.getBigUint64(at + ioctlIn.arg, true),
        input: bytes.subarray(at + ioctlInBytes),
        outSize: view.getUint32(at + ioctlIn.outSize, true),
      },
      this.#target.nsid,
    );
    switch (step.kind) {
      case 'refused':
        this.#reply(unique, step.errno);
        return;
      case 'result':
        this.#reply(unique, 0, ioctlHeader(step.result));
        return;
      case 'retry':
        this.#reply(unique, 0, retryBody(step.inputs, step.outputs));
        return;
      case 'command':
        void this.#run(unique, step.command, step.structure);
    }
  }

  async #run(unique: bigint, command: PassthroughCommand, structure: Uint8Array): Promise<void> {
    let answer: IoctlAnswer;
    try {
      answer = await this.#target.run(command);
    } catch (error) {
      this.#reply(unique, ioctlErrno(error));
      return;
    }
    this.#reply(unique, 0, ioctlHeader(ioctlResult(answer)), ioctlOutput(structure, answer));
  }

  /** @param error a positive errno, or 0 */
  #reply(unique: bigint, error: number, ...parts: readonly Uint8Array[]): void {
    // Once it is over the descriptor may be somebody else's.
    if (this.#isOver) return;
    const length = parts.reduce((sum, part) => sum + part.length, outHeaderBytes);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    view.setUint32(outHeader.len, length, true);
    view.setInt32(outHeader.error, -error, true);
    view.setBigUint64(outHeader.unique, unique, true);
    let at = outHeaderBytes;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const put = writeDescriptor(this.#fd, bytes);
    // ENOENT: whoever asked is gone. Anything else than an end would be a fault of ours, and the kernel says EIO to the caller.
    assert(put !== -errno.EBADF, 'a companion node answers on a descriptor that is not its own');
  }
}

function ioctlHeader(result: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(ioctlOutBytes));
  view.setInt32(ioctlOut.result, result, true);
  return new Uint8Array(view.buffer);
}

function retryBody(inputs: readonly Iovec[], outputs: readonly Iovec[]): Uint8Array {
  const all = [...inputs, ...outputs];
  const view = new DataView(new ArrayBuffer(ioctlOutBytes + all.length * iovecBytes));
  view.setUint32(ioctlOut.flags, ioctlRetry, true);
  view.setUint32(ioctlOut.inIovs, inputs.length, true);
  view.setUint32(ioctlOut.outIovs, outputs.length, true);
  for (const [index, { base, length }] of all.entries()) {
    const at = ioctlOutBytes + index * iovecBytes;
    view.setBigUint64(at, base, true);
    view.setBigUint64(at + 8, BigInt(length), true);
  }
  return new Uint8Array(view.buffer);
}

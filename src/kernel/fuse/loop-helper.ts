/**
 * The helper process for loop devices (helper.ts). It is a process of its own because opening, configuring and closing a
 * loop device reads and writes the file behind it, which the parent serves: done in the parent, a request that is never
 * answered would hang it, and a kill could not end it, because the descriptors that it serves through would not be closed
 * before that very request is answered. This process has none of them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { openFlag, openPath } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import {
  clearLoop,
  configureLoop,
  freeLoop,
  keepLoop,
  loopFlag,
  loopMajor,
  updateLoopCapacity,
} from '../../native/loop.ts';
import { isBlockReadOnly, setBlockReadOnly } from '../../native/block-device.ts';
import { makeBlockNode } from '../../native/mount.ts';
import { answerRequest, check, type HelperAnswer, HelperFailure, using } from '../helper.ts';
import { backingOf } from './cleanup.ts';
import { type AttachLoop, type LoopRequest, type LoopWork, parseRequest } from './loop-work.ts';

const controlPath = '/dev/loop-control';
/** Somebody else may take the free device first; that often in a row it is no coincidence. */
const attachTries = 32;

function openLoop(device: string, number: number, flags: number): number {
  let fd = openPath(device, flags);
  if (fd === -errno.ENOENT && makeBlockNode(device, loopMajor, number) === 0) fd = openPath(device, flags);
  return check(fd, `cannot open ${device}`);
}

function sysfs(device: string, entry: string): string {
  return path.join('/sys/block', path.basename(device), entry);
}

function attach(work: AttachLoop): HelperAnswer {
  const access = work.readOnly ? openFlag.readOnly : openFlag.readWrite;
  return using(check(openPath(controlPath, openFlag.readWrite), `cannot open ${controlPath}`), (control) =>
    using(check(openPath(work.file, access), `cannot open ${work.file}`), (backing) => {
      const flags =
        loopFlag.directIo | (work.partitions ? loopFlag.partScan : 0) | (work.readOnly ? loopFlag.readOnly : 0);
      for (let tries = 0; tries < attachTries; tries += 1) {
        const number = check(freeLoop(control), 'no loop device is free');
        const device = `/dev/loop${number}`;
        const settings = { backing, blockBytes: work.blockBytes, flags, fileName: work.file };
        const done = using(openLoop(device, number, access), (fd) => {
          const result = configureLoop(fd, settings);
          if (result === -errno.EBUSY) return false;
          check(result, `cannot attach ${device}`);
          // Somebody may have left it behind on the node: what our device is its flags say.
          setBlockReadOnly(fd, false);
          const direct = fs.readFileSync(sysfs(device, 'loop/dio'), 'utf8').trim();
          if (direct === '1') return true;
          clearLoop(fd);
          throw new HelperFailure(`${device} refuses direct I/O`);
        });
        if (!done) continue;
        return { failure: null, device, held: false };
      }
      throw new HelperFailure('every free loop device was taken by somebody else');
    }),
  );
}

/** Opens the device if it is still ours; null if it is not: detached already, and perhaps somebody else's by now. */
function withOurs(work: LoopWork, access: number, act: (fd: number) => HelperAnswer): HelperAnswer | null {
  // Looked at before, so as not to open a stranger's device, and again after: while it is open it stays whose it is.
  if (backingOf(work.device) !== work.file) return null;
  const fd = openPath(work.device, access);
  if (fd === -errno.ENOENT || fd === -errno.ENXIO) return null;
  return using(check(fd, `cannot open ${work.device}`), (open) =>
    backingOf(work.device) === work.file ? act(open) : null,
  );
}

function letGo(work: LoopWork, flush: boolean): HelperAnswer {
  let readOnly = false;
  const ours = withOurs(work, openFlag.readOnly, (fd) => {
    if (flush) fs.fsyncSync(fd);
    readOnly = isBlockReadOnly(fd);
    // It would stay with the node, and be found by whoever gets that next.
    setBlockReadOnly(fd, false);
    check(clearLoop(fd), `cannot detach ${work.device}`);
    return { failure: null, device: work.device, held: false };
  });
  if (ours === null) return { failure: null, device: '', held: false };
  // The device goes when its last user closes it; that was us if nobody else has it.
  const held = backingOf(work.device) === work.file;
  if (held && work.kind === 'detach') withOurs(work, openFlag.readOnly, (fd) => takeBack(fd, readOnly));
  return { failure: null, device: work.device, held };
}

function takeBack(fd: number, readOnly: boolean): HelperAnswer {
  keepLoop(fd);
  setBlockReadOnly(fd, readOnly);
  return { failure: null, device: '', held: true };
}

function perform(request: LoopRequest): HelperAnswer {
  switch (request.kind) {
    case 'attach':
      return attach(request);
    case 'detach':
      return letGo(request, true);
    case 'release':
      return letGo(request, false);
    case 'flush':
    case 'resize':
    case 'protect': {
      const answer = withOurs(request, openFlag.readOnly, (fd) => {
        if (request.kind === 'flush') fs.fsyncSync(fd);
        else if (request.kind === 'resize') resize(request, fd);
        else check(setBlockReadOnly(fd, request.readOnly === true), `cannot protect ${request.device}`);
        return { failure: null, device: request.device, held: false };
      });
      if (answer === null) throw new HelperFailure(`${request.device} is not attached any more`);
      return answer;
    }
  }
}

function resize(work: LoopWork, fd: number): void {
  // The loop device takes the size that the file system last heard of: let it ask anew.
  const size = fs.statSync(work.file).size;
  if (size !== work.sizeBytes) throw new HelperFailure(`the volume has ${size} bytes, not ${work.sizeBytes}`);
  noteSize(work.file, size);
  check(updateLoopCapacity(fd), `cannot resize ${work.device}`);
  const sectors = Number(fs.readFileSync(sysfs(work.device, 'size'), 'utf8'));
  if (sectors * 512 !== size) throw new HelperFailure(`${work.device} has ${sectors * 512} bytes, not ${size}`);
}

/**
 * FUSE forgets an answer about attributes, size included, if a write ended since it asked, as one does under load; and
 * beyond the size it knows, it reads nothing. The answer to a truncation it keeps in any case. A file system that is
 * mounted read-only refuses that, but nothing is written there.
 */
function noteSize(file: string, size: number): void {
  try {
    fs.truncateSync(file, size);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EROFS')) throw error;
  }
}

answerRequest(parseRequest, perform);

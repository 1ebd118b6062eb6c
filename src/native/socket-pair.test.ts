import assert from 'node:assert/strict';
import { it } from 'node:test';
import { closeDescriptor, readDescriptor, writeDescriptor } from './descriptors.ts';
import { errno } from './errno.ts';
import { duplicateDescriptor, makeSocketPair, peerHasEnded, shutDownSocket } from './socket-pair.ts';

it('a pair carries bytes, and tells when the other side has ended', () => {
  const pair = makeSocketPair(64 * 1024);
  assert.ok(typeof pair !== 'number');
  const [one, other] = pair;
  const copy = duplicateDescriptor(one);
  assert.ok(copy >= 0);
  assert.equal(writeDescriptor(one, Buffer.from('hello')), 5);
  closeDescriptor(one);
  assert.equal(peerHasEnded(other), false, 'something is left to receive');
  const got = Buffer.alloc(10);
  assert.equal(readDescriptor(other, got), 5);
  assert.equal(got.toString('utf8', 0, 5), 'hello');
  assert.equal(peerHasEnded(other), false, 'a copy is left');
  shutDownSocket(copy);
  assert.equal(peerHasEnded(other), true);
  closeDescriptor(copy);
  closeDescriptor(other);
  assert.equal(duplicateDescriptor(other), -errno.EBADF);
});

import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { mapAnonymous, unmap, viewOf } from '../native/mapping.ts';
import { feature, opcode, setupFlag, sqe } from './abi.ts';
import { probeUring } from './probe.ts';
import { Ring } from './ring.ts';

interface Seen {
  low: number;
  high: number;
  res: number;
}

function collect(ring: Ring, wanted: number): Seen[] {
  const seen: Seen[] = [];
  for (let tries = 0; seen.length < wanted && tries < 200; tries += 1) {
    ring.enter(50);
    ring.reap({ onCompletion: (low, high, res) => void seen.push({ low, high, res }) });
  }
  return seen;
}

for (const wide of [false, true]) {
  test(`user data and results come back as they were given (${wide ? 128 : 64}-byte entries)`, () => {
    const ring = new Ring({ entries: 8, wide });
    assert.ok((ring.features & feature.noDrop) !== 0);
    assert.equal((ring.setupFlags & setupFlag.sqe128) !== 0, wide);
    for (let i = 0; i < 8; i += 1) ring.push(opcode.nop, -1, 0, 0, 0, 0, 0xfffffff0 + i, 1000 + i);
    const seen = collect(ring, 8);
    assert.deepEqual(
      seen.map((one) => [one.low >>> 0, one.high, one.res]),
      Array.from({ length: 8 }, (_unused, i) => [0xfffffff0 + i, 1000 + i, 0]),
    );
    ring.close();
  });
}

test('more submissions than entries are handed over in between, and none is lost', () => {
  const ring = new Ring({ entries: 4 });
  for (let i = 0; i < 1000; i += 1) ring.push(opcode.nop, -1, 0, 0, 0, 0, i, 0);
  const seen = collect(ring, 1000).map((one) => one.low);
  assert.deepEqual(new Set(seen).size, 1000);
  ring.close();
});

test('the offsets of an entry are the kernel’s: a write and a read at an offset beyond 2^32', () => {
  const ring = new Ring({ entries: 4 });
  const address = mapAnonymous('a test', 8192);
  const bytes = new Uint8Array(viewOf(address, 8192));
  const path = `/tmp/causeway-ring-${process.pid}`;
  const fd = fs.openSync(path, 'w+');
  fs.unlinkSync(path);
  bytes.fill(7, 0, 4096);
  const position = 5 * 1024 ** 3 + 512;
  ring.push(opcode.write, fd, address, 4096, position, 0, 1, 0);
  assert.deepEqual(collect(ring, 1), [{ low: 1, high: 0, res: 4096 }]);
  assert.equal(fs.fstatSync(fd).size, position + 4096);
  ring.push(opcode.read, fd, address + 4096, 4096, position, 0, 2, 0);
  assert.deepEqual(collect(ring, 1), [{ low: 2, high: 0, res: 4096 }]);
  assert.deepEqual(bytes.subarray(4096), bytes.subarray(0, 4096));
  // The kernel itself proves the layout of what `push` cannot set: an unknown operation is refused, not misread.
  const at = ring.push(255, fd, 0, 0, 0, 0, 3, 0);
  assert.equal(ring.entries[at + sqe.userLow], 3);
  assert.equal(collect(ring, 1)[0]?.res, -22);
  fs.closeSync(fd);
  ring.close();
  unmap(address, 8192);
});

test('waiting is bounded', () => {
  const ring = new Ring({ entries: 4 });
  const before = performance.now();
  ring.enter(30);
  const took = performance.now() - before;
  assert.ok(took >= 29, `came back after ${took} ms`);
  assert.equal(ring.reap({ onCompletion: () => assert.fail('nothing was submitted') }), 0);
  ring.close();
});

test('the probe finds what we use on this kernel', () => {
  assert.deepEqual(probeUring(), { refusal: null, missing: [] });
});

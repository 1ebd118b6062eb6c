import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { geometryOfUserDevice, newIdentity, type UserDevice } from './user-device.ts';

const nothing = (): void => {};

describe('an object as a device', () => {
  it('offers what it has methods for', () => {
    const least: UserDevice = { sizeBytes: 8192, read: nothing };
    assert.deepEqual(geometryOfUserDevice(least, false), {
      sizeBytes: 8192,
      blockBytes: 4096,
      physicalBlockBytes: 4096,
      maxTransferBytes: 2 ** 20,
      readOnly: true,
      volatileCache: false,
      canDiscard: false,
      canWriteZeroes: false,
    });
    const most = { ...least, blockBytes: 512, write: nothing, flush: nothing, discard: nothing, writeZeroes: nothing };
    const all = geometryOfUserDevice(most, false);
    assert.ok(!all.readOnly && all.volatileCache && all.canDiscard && all.canWriteZeroes);
    assert.equal(all.blockBytes, 512);
    assert.ok(geometryOfUserDevice({ ...most, readOnly: true }, false).readOnly);
    assert.ok(geometryOfUserDevice(most, true).readOnly);
  });

  it('may be of a class', () => {
    class Device implements UserDevice {
      get sizeBytes(): number {
        return 4096;
      }
      read(): void {}
      write(): void {}
    }
    assert.ok(!geometryOfUserDevice(new Device(), false).readOnly);
  });

  const bad: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a function', nothing],
    ['no read', { sizeBytes: 4096 }],
    ['a read that is none', { sizeBytes: 4096, read: 'yes' }],
    ['no size', { read: nothing }],
    ['no bytes', { sizeBytes: 0, read: nothing }],
    ['half a block', { sizeBytes: 4096 + 512, read: nothing }],
    ['a fraction', { sizeBytes: 4096.5, read: nothing }],
    ['a size in text', { sizeBytes: '4096', read: nothing }],
    ['too large', { sizeBytes: 2 ** 53, read: nothing }],
    ['not a number', { sizeBytes: Number.NaN, read: nothing }],
    ['another block', { sizeBytes: 8192, blockBytes: 1024, read: nothing }],
    ['a block in text', { sizeBytes: 8192, blockBytes: '512', read: nothing }],
  ];
  for (const [what, device] of bad) {
    it(`is refused: ${what}`, () =>
      assert.throws(() => geometryOfUserDevice(device as UserDevice, false), { code: 'invalid-argument' }));
  }

  it('is a volume of its own each time', () => {
    assert.notEqual(newIdentity('a').id, newIdentity('a').id);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { type AnaLog, anaLogBytes, anaLogSize, readAnaLog, writeAnaLog } from './ana-log.ts';

const bytes = new Uint8Array(65536);
const view = new DataView(bytes.buffer);
const count = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const nsid = fc.integer({ min: 1, max: 0xffff_fffe });
const log: fc.Arbitrary<AnaLog> = fc.record(
  {
    chgcnt: count,
    groups: fc.uniqueArray(
      fc.record(
        {
          anagrpid: fc.integer({ min: 1, max: 0xffff_ffff }),
          chgcnt: count,
          state: fc.constantFrom(1, 2, 3, 4, 15),
          nsids: fc.array(nsid, { maxLength: 300 }),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 20, selector: (group) => group.anagrpid },
    ),
  },
  { noNullPrototype: true },
);

test('a log goes both ways, with and without its namespaces', () => {
  fc.assert(
    fc.property(log, (data) => {
      bytes.fill(0xee);
      const length = writeAnaLog(view, 0, data, false);
      assert.equal(length, anaLogSize(data, false));
      assert.equal(bytes[length], 0xee);
      assert.deepEqual(readAnaLog(view, 0, length), data);
      const short = writeAnaLog(view, 0, data, true);
      assert.equal(short, 16 + 32 * data.groups.length);
      const groups = data.groups.map((group) => ({ ...group, nsids: [] }));
      assert.deepEqual(readAnaLog(view, 0, short), { ...data, groups });
    }),
    { numRuns: 50 },
  );
});

test('every truncation is noticed: a log of more than one page does not lose its end', () => {
  const nsids = Array.from({ length: 1000 }, (_, i) => i + 1);
  const data = { chgcnt: 1n, groups: [{ anagrpid: 1, chgcnt: 1n, state: 1, nsids }] };
  const length = writeAnaLog(view, 0, data, false);
  assert.equal(length, anaLogBytes(1, 1000));
  assert.equal(readAnaLog(view, 0, length).groups[0]?.nsids.length, 1000);
  for (let cut = 0; cut < length; cut += 4) assert.throws(() => readAnaLog(view, 0, cut), CausewayError, `${cut}`);
});

test('fields lie where the specification wants them', () => {
  writeAnaLog(view, 0, { chgcnt: 2n, groups: [{ anagrpid: 3, chgcnt: 4n, state: 15, nsids: [5] }] }, false);
  const places = [0, 8, 16, 20, 24, 32, 48].map((at) => bytes[at]);
  assert.deepEqual(places, [2, 1, 3, 1, 4, 15, 5]);
});

test('hostile counts, states and identifiers are refused', () => {
  const changes: [number, number][] = [
    [20, 0xffff_ffff],
    [20, 0x4000_0000],
    [32, 5],
    [16, 0],
    [48, 0],
    [48, 0xffff_ffff],
  ];
  for (const [at, word] of changes) {
    const length = writeAnaLog(
      view,
      0,
      { chgcnt: 0n, groups: [{ anagrpid: 1, chgcnt: 0n, state: 1, nsids: [1] }] },
      false,
    );
    view.setUint32(at, word, true);
    assert.throws(() => readAnaLog(view, 0, length), CausewayError, `${at} ${word}`);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import {
  readChangedNamespaces,
  readNamespaceList,
  writeChangedNamespaces,
  writeNamespaceList,
} from './namespace-list.ts';

const bytes = new Uint8Array(4096);
const view = new DataView(bytes.buffer);
const list = fc
  .uniqueArray(fc.integer({ min: 1, max: 0xffff_fffe }), { maxLength: 1500 })
  .map((nsids) => nsids.toSorted((a, b) => a - b));

test('a list of any length is read whole by paging through it', () => {
  fc.assert(
    fc.property(list, (nsids) => {
      const all: number[] = [];
      for (;;) {
        bytes.fill(0xee);
        writeNamespaceList(view, 0, nsids, all.at(-1) ?? 0);
        const page = readNamespaceList(view, 0);
        all.push(...page);
        if (page.length < 1024) break;
      }
      assert.deepEqual(all, nsids);
    }),
    { numRuns: 30 },
  );
});

test('a list that does not ascend is refused: paging through it would not end', () => {
  for (const wrong of [
    [2, 1],
    [3, 3],
    [1, 0xffff_ffff],
  ]) {
    bytes.fill(0);
    wrong.forEach((nsid, i) => view.setUint32(4 * i, nsid, true));
    assert.throws(() => readNamespaceList(view, 0), CausewayError, wrong.join());
  }
});

test('changed namespaces, or too many of them', () => {
  writeChangedNamespaces(view, 0, [1, 5]);
  assert.deepEqual(readChangedNamespaces(view, 0), [1, 5]);
  writeChangedNamespaces(view, 0, null);
  assert.equal(readChangedNamespaces(view, 0), null);
  writeChangedNamespaces(
    view,
    0,
    Array.from({ length: 1025 }, (_, i) => i + 1),
  );
  assert.equal(readChangedNamespaces(view, 0), null);
  assert.ok(bytes.subarray(4).every((byte) => byte === 0));
});

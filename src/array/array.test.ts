/** The array as a stranger meets it: bring-up, identification, reads and writes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeIdentifySqe } from '../fabric/nvme-tcp/admin-sqe.ts';
import { readIdentifyController } from '../fabric/nvme-tcp/identify-controller.ts';
import { readIdentifyNamespace } from '../fabric/nvme-tcp/identify-namespace.ts';
import { readNamespaceList } from '../fabric/nvme-tcp/namespace-list.ts';
import { writeFlushSqe, writeReadSqe, writeWriteSqe } from '../fabric/nvme-tcp/sqe.ts';
import { pattern, viewOf, withArray } from './with-array.test.support.ts';

describe('an array', () => {
  it('brings a controller up, and keeps what is written', () =>
    withArray({ seed: 1 }, async ({ admin, io }) => {
      const identity = await admin.submit((view, at, cid) => writeIdentifySqe(view, at, cid, 0, 1, 0), { read: 4096 });
      assert.equal(identity.status, 0);
      const controller = readIdentifyController(viewOf(identity.data), 0);
      assert.equal(controller.subnqn, 'nqn.2026-11.io.causeway:array');
      assert.equal(controller.mn, 'Causeway embedded array');
      const list = await admin.submit((view, at, cid) => writeIdentifySqe(view, at, cid, 0, 2, 0), { read: 4096 });
      assert.deepEqual(readNamespaceList(viewOf(list.data), 0), [1]);
      const data = await admin.submit((view, at, cid) => writeIdentifySqe(view, at, cid, 1, 0, 0), { read: 4096 });
      const namespace = readIdentifyNamespace(viewOf(data.data), 0);
      assert.equal(namespace.nsze, 4096);
      assert.equal(namespace.lbaf[0]?.lbads, 12);

      const queue = await io();
      const small = pattern(4096, 1);
      const write = await queue.submit((view, at, cid) => writeWriteSqe(view, at, cid, 1, 5, 1, 4096, false, true), {
        inCapsule: small,
      });
      assert.equal(write.status, 0);
      assert.equal(write.r2ts.length, 0);
      const large = pattern(256 * 1024, 2);
      const second = await queue.submit(
        (view, at, cid) => writeWriteSqe(view, at, cid, 1, 6, 64, large.length, false, false),
        { onRequest: large },
      );
      assert.equal(second.status, 0);
      assert.equal(second.r2ts.length, 1);
      const flush = await queue.submit((view, at, cid) => writeFlushSqe(view, at, cid, 1));
      assert.equal(flush.status, 0);
      const read = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 4, 66, 66 * 4096), {
        read: 66 * 4096,
      });
      assert.equal(read.status, 0);
      const expected = new Uint8Array(66 * 4096);
      expected.set(small, 4096);
      expected.set(large, 8192);
      assert.deepEqual(read.data, expected);
    }));
});

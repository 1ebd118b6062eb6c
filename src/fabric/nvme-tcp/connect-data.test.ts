import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readConnectData, writeConnectData } from './connect-data.ts';

const bytes = new Uint8Array(1024);
const view = new DataView(bytes.buffer);

test('connect data goes both ways and lies where the specification wants it', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(0xffff), fc.string({ maxLength: 200 }), (hostid, cntlid, name) => {
      const text = name.replaceAll('\0', '');
      bytes.fill(0xee);
      writeConnectData(view, 0, { hostid, cntlid, subnqn: `nqn.${text}`.slice(0, 60), hostnqn: 'nqn.host' });
      const data = readConnectData(view, 0);
      assert.equal(data.hostid, hostid.replaceAll('-', ''));
      assert.equal(data.cntlid, cntlid);
      assert.equal(data.subnqn, `nqn.${text}`.slice(0, 60));
      assert.equal(data.hostnqn, 'nqn.host');
      assert.equal(view.getUint16(16, true), cntlid);
      assert.equal(Buffer.from(bytes.subarray(256, 260)).toString(), 'nqn.');
      assert.equal(Buffer.from(bytes.subarray(512, 521)).toString(), 'nqn.host\0');
      assert.ok(bytes.subarray(768).every((byte) => byte === 0));
    }),
  );
});

test('names that are not text are null, for the target to refuse', () => {
  bytes.fill(0x41);
  const data = readConnectData(view, 0);
  assert.equal(data.subnqn, null);
  assert.equal(data.hostnqn, null);
});

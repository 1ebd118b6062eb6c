/**
 * Whatever bytes arrive, a decoder returns something or throws a coded error: never another exception, never a result
 * larger than its input could hold. A failure prints fast-check's seed, with which it can be repeated.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { readFeaturesSqe, readGetLogPageSqe, readIdentifySqe } from './admin-sqe.ts';
import { readAnaLog } from './ana-log.ts';
import { readCcrLog } from './ccr-log.ts';
import { readConnectData } from './connect-data.ts';
import { checkIoController } from './controller-limits.ts';
import { readDiscoveryEntry, readDiscoveryHeader } from './discovery-log.ts';
import { readConnectSqe, readPropertySqe } from './fabrics-sqe.ts';
import { readIdentifyController, readIdentifyControllerNvm } from './identify-controller.ts';
import { readNamespaceDescriptors } from './identify-descriptors.ts';
import { readIdentifyNamespace, shapeOf } from './identify-namespace.ts';
import { readChangedNamespaces, readNamespaceList } from './namespace-list.ts';

const decoders: Readonly<Record<string, (view: DataView) => unknown>> = {
  identifyController: (view) => checkIoController(readIdentifyController(view, 0)),
  identifyControllerNvm: (view) => readIdentifyControllerNvm(view, 0),
  identifyNamespace: (view) => shapeOf(readIdentifyNamespace(view, 0), 1),
  namespaceDescriptors: (view) => readNamespaceDescriptors(view, 0),
  namespaceList: (view) => readNamespaceList(view, 0),
  changedNamespaces: (view) => readChangedNamespaces(view, 0),
  anaLog: (view) => {
    const log = readAnaLog(view, 0, view.byteLength);
    const namespaces = log.groups.reduce((sum, group) => sum + group.nsids.length, 0);
    assert.ok(16 + 32 * log.groups.length + 4 * namespaces <= view.byteLength);
  },
  discoveryHeader: (view) => readDiscoveryHeader(view, 0),
  discoveryEntry: (view) => readDiscoveryEntry(view, 0),
  ccrLog: (view) => readCcrLog(view, 0),
  connectData: (view) => readConnectData(view, 0),
};

/** Bytes as a hostile peer may send them: random ones, mostly zero ones, and short ones. */
const hostile = fc.oneof(
  fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
  fc.uint8Array({ maxLength: 4096 }),
  fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { maxLength: 60 }).map((changes) => {
    const bytes = new Uint8Array(4096);
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  }),
  // Dense in the first bytes, where counts and lengths are.
  fc.uint8Array({ minLength: 64, maxLength: 64 }).map((head) => {
    const bytes = new Uint8Array(4096);
    bytes.set(head);
    return bytes;
  }),
);

for (const [name, decode] of Object.entries(decoders)) {
  test(`${name} survives hostile bytes`, () => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        } catch (error) {
          if (!(error instanceof CausewayError)) throw error;
          assert.doesNotMatch(error.message, /\p{Cc}/u);
        }
      }),
      { numRuns: 300 },
    );
  });
}

test('readers of commands take any 64 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      assert.ok([0, 4, 8].includes(readPropertySqe(view, 0).bytes));
      const log = readGetLogPageSqe(view, 0);
      assert.ok(log.bytes >= 4 && log.bytes <= 2 ** 34 && log.bytes % 4 === 0 && log.offset >= 0);
      assert.ok(readIdentifySqe(view, 0).cns <= 0xff);
      assert.ok(readFeaturesSqe(view, 0).fid <= 0xff);
      assert.ok(readConnectSqe(view, 0).sqsize <= 0xffff);
    }),
  );
});

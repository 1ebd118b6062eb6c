import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { parseDiscoveryUrl, parseNvmeUrl } from './url.ts';

const nqn = 'nqn.2026-11.io.causeway:array';

test('a volume over many hosts', () => {
  assert.deepEqual(
    parseNvmeUrl(
      `nvme+tcp://127.0.0.1,array-b.example:4421,[fe80::1%eth0]:9,[::1]/${nqn}?nsid=3&digest=header,data&queue-size=64`,
    ),
    {
      addresses: [
        { host: '127.0.0.1', port: 4420 },
        { host: 'array-b.example', port: 4421 },
        { host: 'fe80::1%eth0', port: 9 },
        { host: '::1', port: 4420 },
      ],
      subnqn: nqn,
      nsid: 3,
      digests: 3,
      queueSize: 64,
    },
  );
});

test('the least that a volume needs', () => {
  assert.deepEqual(parseNvmeUrl(`NVME+TCP://a/${nqn}`), {
    addresses: [{ host: 'a', port: 4420 }],
    subnqn: nqn,
    digests: 0,
  });
});

test('discovery listens elsewhere by default', () => {
  assert.deepEqual(parseDiscoveryUrl('nvme+tcp://10.0.0.1,10.0.0.2:4420/'), [
    { host: '10.0.0.1', port: 8009 },
    { host: '10.0.0.2', port: 4420 },
  ]);
});

const wrong: readonly (readonly [url: string, says: RegExp])[] = [
  ['http://a/b', /begin with nvme\+tcp/],
  ['nvme+tcp://a', /names no subsystem/],
  ['nvme+tcp://a/', /names no subsystem/],
  ['nvme+tcp:///x', /x.* which does not begin with 'nqn\.'/],
  [`nvme+tcp:///${nqn}`, /names no host/],
  [`nvme+tcp://a,/${nqn}`, /comma too many/],
  [`nvme+tcp://a:0/${nqn}`, /port 0/],
  [`nvme+tcp://a:65536/${nqn}`, /port 65536/],
  [`nvme+tcp://::1/${nqn}`, /in brackets/],
  [`nvme+tcp://a b/${nqn}`, /not an address or a name/],
  [`nvme+tcp://me@a/${nqn}`, /names a user/],
  [`nvme+tcp://a,a/${nqn}`, /twice/],
  [`nvme+tcp://a/${nqn}?nsid=0`, /nsid/],
  [`nvme+tcp://a/${nqn}?nsid=x`, /nsid/],
  [`nvme+tcp://a/${nqn}?nsid=4294967295`, /nsid/],
  [`nvme+tcp://a/${nqn}?nsid=1&nsid=2`, /twice/],
  [`nvme+tcp://a/${nqn}?digest=some`, /digest/],
  [`nvme+tcp://a/${nqn}?digest=none,header`, /digest/],
  [`nvme+tcp://a/${nqn}?colour=red`, /known are nsid/],
  [`nvme+tcp://a/%zz`, /wrong escape/],
  [`nvme+tcp://a/${nqn}#x`, /fragment/],
];

for (const [url, says] of wrong) {
  test(`refused: ${url}`, () => {
    assert.throws(
      () => parseNvmeUrl(url),
      (error: unknown) => error instanceof CausewayError && error.code === 'bad-url' && says.test(error.message),
    );
  });
}

test('any text is parsed or refused with a code', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `nvme+tcp://${text}`),
      ),
      (text) => {
        for (const parse of [parseNvmeUrl, parseDiscoveryUrl]) {
          try {
            parse(text);
          } catch (error) {
            assert.ok(error instanceof CausewayError && error.code === 'bad-url');
            assert.ok(error.message.length < 1000);
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
});

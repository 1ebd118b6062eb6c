import assert from 'node:assert/strict';
import test from 'node:test';
import { discoverText } from './discover.ts';

const way = (subnqn: string, host: string, needsTls = false) =>
  ({ kind: 'subsystem', subnqn, address: { host, port: 4420 }, portid: 1, needsTls }) as const;

test('every subsystem is told once with all its ways, and the command that attaches it', () => {
  const lines = discoverText([way('nqn.a:1', '192.0.2.1'), way('nqn.a:2', '192.0.2.1'), way('nqn.a:1', '2001:db8::1')]);
  assert.equal(lines.filter((line) => line.startsWith('nqn.a:1')).length, 1);
  assert.deepEqual(lines.slice(-2), [
    "causeway attach 'nvme+tcp://192.0.2.1:4420,[2001:db8::1]:4420/nqn.a:1'",
    "causeway attach 'nvme+tcp://192.0.2.1:4420/nqn.a:2'",
  ]);
});

test('a way that wants TLS is told but not offered', () => {
  const lines = discoverText([way('nqn.a:1', '192.0.2.1', true), way('nqn.a:1', '192.0.2.2')]);
  assert.ok(lines.some((line) => line.includes('192.0.2.1') && line.includes('TLS')));
  assert.equal(lines.at(-1), "causeway attach 'nvme+tcp://192.0.2.2:4420/nqn.a:1'");
  assert.ok(!discoverText([way('nqn.a:1', '192.0.2.1', true)]).some((line) => line.startsWith('causeway attach')));
});

test('nothing found is said', () => {
  assert.deepEqual(discoverText([]), ['No subsystem is shown to this host.']);
});

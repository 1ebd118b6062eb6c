import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passthroughRows, ruleOf, unobtrusive } from './passthrough-rules.ts';
import type { PassthroughCommand } from './passthrough.ts';

function command(queue: 'admin' | 'io', opcode: number, cdw10 = 0): PassthroughCommand {
  return { queue, opcode, nsid: 0, cdw2: 0, cdw3: 0, cdws: [cdw10, 0, 0, 0, 0, 0], bytes: 0, data: null, timeoutMs: 0 };
}

const cdw10 = (what: PassthroughCommand): number | undefined => unobtrusive(what).cdws[0];
const opcodes = Array.from({ length: 256 }, (_unused, opcode) => opcode);
const withRule = (queue: 'admin' | 'io', rule: string): number[] =>
  opcodes.filter((opcode) => ruleOf(command(queue, opcode)).rule === rule);

test('only commands that read pass without consent, and no others', () => {
  assert.deepEqual(withRule('admin', 'reads'), [0x02, 0x06, 0x0a, 0x1a, 0x1e, 0x82, 0x86]);
  assert.deepEqual(withRule('io', 'reads'), [0x05, 0x0c, 0x0e, 0x12]);
  assert.deepEqual(withRule('io', 'door'), [0x00, 0x01, 0x02, 0x08, 0x09]);
  assert.deepEqual(withRule('io', 'reserves'), [0x0d, 0x11, 0x15]);
  assert.deepEqual([...withRule('admin', 'door'), ...withRule('admin', 'reserves')], []);
});

test('what belongs to the association is never sent', () => {
  assert.deepEqual(withRule('admin', 'never'), [0, 1, 4, 5, 0x08, 0x0c, 0x18, 0x21, 0x38, 0x7c, 0x7f]);
  assert.deepEqual(withRule('io', 'never'), [0x04, 0x18, 0x7f]);
  for (const feature of [0x07, 0x0b, 0x0f, 0x16, 0x81]) {
    assert.equal(ruleOf(command('admin', 0x09, feature)).rule, 'never', `feature ${feature}`);
    assert.equal(ruleOf(command('admin', 0x09, feature | 0x8000_0000)).rule, 'never');
    assert.equal(ruleOf(command('admin', 0x0a, feature)).rule, 'reads');
  }
  assert.equal(ruleOf(command('admin', 0x09, 0x06)).rule, 'disturbs');
});

test('what is not known, or a vendor’s, may erase anything', () => {
  for (const opcode of [0x0b, 0x80, 0x84, 0x90, 0xc0, 0xff])
    assert.equal(ruleOf(command('admin', opcode)).rule, 'erases');
  for (const opcode of [0x19, 0x79, 0x80, 0xff]) assert.equal(ruleOf(command('io', opcode)).rule, 'erases');
});

test('Identify of a namespace is that of the volume', () => {
  for (const cns of [0x00, 0x03, 0x05, 0x08]) assert.equal(ruleOf(command('admin', 0x06, cns)).nsid, 'own');
  for (const cns of [0x01, 0x02, 0x06, 0x07]) assert.equal(ruleOf(command('admin', 0x06, cns)).nsid, 'any');
});

test('reading a log takes no event, and no finished reset, from the association', () => {
  assert.equal(cdw10(command('admin', 0x02, 0x03ff_0004)), 0x03ff_8004);
  assert.equal(cdw10(command('admin', 0x02, 0x03ff_010c)), 0x03ff_810c);
  assert.equal(cdw10(command('admin', 0x02, 0x03ff_011e)), 0x03ff_801e);
  assert.equal(cdw10(command('admin', 0x02, 0xffff_ff1e)), 0xffff_801e);
  assert.equal(cdw10(command('admin', 0x06, 0x011e)), 0x011e);
  assert.equal(cdw10(command('io', 0x02, 5)), 5);
});

test('every row says what it is and why', () => {
  const rows = [...Object.values(passthroughRows.admin), ...Object.values(passthroughRows.io), passthroughRows.unknown];
  for (const { name, reason } of rows) assert.ok(name.length > 3 && reason.length > 10, name);
});

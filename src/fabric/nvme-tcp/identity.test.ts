import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifierOf } from './identity.ts';

const zero32 = '0'.repeat(32);
const zero16 = '0'.repeat(16);
const nguid = '0123456789abcdef0123456789abcdef';
const uuid = '0f01fb429f7f4856b0b351e60b8de349';
const eui64 = '0025388b11c3d2f0';
const all = { nguid, uuid, eui64 };

test('NGUID, else UUID, else EUI-64', () => {
  const none = { nguid: zero32, eui64: zero16 };
  assert.deepEqual(identifierOf(all, none), { type: 'nguid', id: `nguid.${nguid}` });
  const byUuid = { type: 'uuid', id: 'uuid.0f01fb42-9f7f-4856-b0b3-51e60b8de349' };
  assert.deepEqual(identifierOf({ ...all, nguid: null }, none), byUuid);
  assert.deepEqual(identifierOf({ ...all, nguid: null, uuid: null }, none), { type: 'eui', id: `eui.${eui64}` });
  assert.equal(identifierOf({ nguid: null, uuid: null, eui64: null }, none), null);
});

test('zeroes are no identifier', () => {
  const namespace = { nguid: zero32, eui64 };
  assert.equal(identifierOf({ nguid: zero32, uuid: zero32, eui64: zero16 }, namespace)?.id, `eui.${eui64}`);
  assert.equal(identifierOf({ nguid: zero32, uuid, eui64: null }, namespace)?.type, 'uuid');
});

test('the namespace data serve where there is no descriptor list, and say the same', () => {
  assert.equal(identifierOf(null, { nguid: nguid.toUpperCase(), eui64 })?.id, `nguid.${nguid}`);
  assert.equal(identifierOf({ nguid: null, uuid: null, eui64: null }, { nguid, eui64 })?.id, `nguid.${nguid}`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownMounts, parseMountInfo } from './mount.ts';

test('mountinfo: fields with and without optional ones, and escaped names', () => {
  const text = [
    String.raw`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`,
    String.raw`61 25 0:45 / /run/a\040b.volume rw,nosuid - fuse.causeway causeway:a\134b rw,user_id=0`,
    String.raw`62 25 7:3 / /srv rw shared:4 propagate_from:2 - ext4 /dev/loop3 rw`,
  ].join('\n');
  assert.deepEqual(parseMountInfo(`${text}\n`), [
    { id: 36, major: 98, minor: 0, target: '/mnt2', type: 'ext3', source: '/dev/root' },
    { id: 61, major: 0, minor: 45, target: '/run/a b.volume', type: 'fuse.causeway', source: String.raw`causeway:a\b` },
    { id: 62, major: 7, minor: 3, target: '/srv', type: 'ext4', source: '/dev/loop3' },
  ]);
});

test('mountinfo: what is not understood is left out', () => {
  const lines = [
    '',
    'rubbish',
    '1 2 3 - 4',
    '36 35 98:x / /mnt rw - ext3 /dev/root rw',
    ' - ext3',
    '1 2 0:1 / /a rw - ',
  ];
  for (const line of lines) assert.deepEqual(parseMountInfo(line), [], line);
});

test('mountinfo: this process has a root', () => {
  assert.ok(ownMounts().some((entry) => entry.target === '/proc' && entry.type === 'proc'));
});

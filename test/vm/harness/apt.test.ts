import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mirrorsOf, sourceList } from './apt.ts';

const targets = `
nodistro https://node.example/node_20.x/
cloud-sdk-bookworm https://cloud.example/apt/
bookworm https://deb.example/debian/
bookworm-updates https://deb.example/debian/
bookworm-security https://security.example/debian-security/
bookworm https://second.example/debian/
`;

test("Debian's own two archives are found among a host's sources", () => {
  assert.deepEqual(mirrorsOf(targets), {
    main: 'https://deb.example/debian/',
    security: 'https://security.example/debian-security/',
  });
});

test('a host that uses none, or only one of them', () => {
  assert.equal(mirrorsOf(''), null);
  assert.equal(mirrorsOf('noble https://deb.example/ubuntu/\nnoble-security https://deb.example/ubuntu/\n'), null);
  assert.equal(mirrorsOf('trixie https://deb.example/debian/\n'), null);
});

test('the source list names every suite that holds a kernel', () => {
  const list = sourceList({ main: 'https://m.example/debian/', security: 'https://s.example/' });
  assert.match(list, /^deb \[.*\] https:\/\/m\.example\/debian\/ bookworm main$/m);
  assert.match(list, /^deb \[.*\] https:\/\/s\.example\/ bookworm-security main$/m);
  assert.match(list, /^deb \[.*\] https:\/\/m\.example\/debian\/ trixie-backports main$/m);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePackages } from './kernels.ts';

const names = [
  'linux-image-6.1.0-9-amd64',
  'linux-image-6.1.0-56-amd64',
  'linux-image-6.1.0-56-amd64-dbg',
  'linux-image-6.1.0-57-cloud-amd64',
  'linux-image-6.1.0-58-rt-amd64',
  'linux-image-6.12.99+deb12-amd64',
  'linux-image-6.12.117+deb12-amd64',
  'linux-image-6.12.118+deb12-amd64-unsigned',
  'linux-image-6.19.14+deb13-amd64',
  'linux-image-7.1.13+deb13-amd64',
  'linux-image-7.3.4+deb13-amd64',
  'linux-binary-7.3.4+deb13-amd64',
  'linux-binary-7.3.4+deb13-cloud-amd64',
  'linux-modules-7.3.4+deb13-amd64',
  'linux-base-7.3.4+deb13-amd64',
  'linux-base-7.3.4+deb13-cloud-amd64',
  'linux-modules-7.2.12+deb13-amd64',
  'linux-image-amd64',
];

test('the newest release of a line is taken, by number and not by letter; no cloud, rt, debug or unsigned build', () => {
  assert.deepEqual(choosePackages('6.1', names), {
    release: '6.1.0-56-amd64',
    packages: ['linux-image-6.1.0-56-amd64'],
  });
  assert.equal(choosePackages('6.12', names)?.release, '6.12.117+deb12-amd64');
});

test('a kernel that comes in several packages is taken with all of them, of one release', () => {
  assert.deepEqual(choosePackages('7', names), {
    release: '7.3.4+deb13-amd64',
    packages: [
      'linux-image-7.3.4+deb13-amd64',
      'linux-base-7.3.4+deb13-amd64',
      'linux-binary-7.3.4+deb13-amd64',
      'linux-modules-7.3.4+deb13-amd64',
    ],
  });
});

test('a line of which there is nothing', () => {
  assert.equal(choosePackages('7', ['linux-image-6.1.0-9-amd64', 'linux-image-7.1-amd64']), null);
  assert.equal(choosePackages('6.12', []), null);
});

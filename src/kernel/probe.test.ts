import assert from 'node:assert/strict';
import test from 'node:test';
import { probeKernelDevices, type ProbedHost } from './probe.ts';

function host(paths: readonly string[], files: Record<string, string> = {}, isRoot = true): ProbedHost {
  return {
    exists: (path) => paths.includes(path),
    read: (path) => files[path] ?? '',
    release: '6.1.0',
    isRoot,
  };
}

function fuseOf(probed: ProbedHost): { available: boolean; reason: string; mend: string } | undefined {
  return probeKernelDevices(probed).find(({ kind }) => kind === 'fuse');
}

test('FUSE + loop is offered where both nodes are there and root asks', () => {
  assert.equal(fuseOf(host(['/dev/fuse', '/dev/loop-control']))?.available, true);
});

test('a module that is there but not loaded is named with the command that loads it', () => {
  const modules = { '/lib/modules/6.1.0/modules.dep': 'kernel/drivers/block/loop.ko:\nkernel/fs/fuse/fuse.ko.xz:\n' };
  assert.equal(fuseOf(host(['/dev/fuse'], modules))?.mend, 'modprobe loop');
  assert.equal(fuseOf(host([], modules))?.mend, 'modprobe fuse');
});

test('a kernel without it, and a user who is not root, are told so', () => {
  assert.match(fuseOf(host([]))?.reason ?? '', /no fuse/);
  assert.match(fuseOf(host(['/dev/fuse', '/dev/loop-control'], {}, false))?.reason ?? '', /root/);
});

test('what is not built in yet is never called available', () => {
  const probes = probeKernelDevices(host(['/sys/module/ublk_drv', '/sys/module/nbd']));
  assert.deepEqual(
    probes.map(({ kind, available }) => [kind, available]),
    [
      ['ublk', false],
      ['nbd', false],
      ['fuse', false],
    ],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOrder, moduleName } from './module-order.ts';

const modulesDep = `kernel/net/9p/9pnet.ko.xz:
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio.ko.xz:
kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz
kernel/drivers/nvme/host/nvme-tcp.ko.xz:
`;

test('every module comes after what it needs, and once', () => {
  assert.deepEqual(loadOrder(modulesDep, ['9p', '9pnet_virtio']), [
    'kernel/net/9p/9pnet.ko.xz',
    'kernel/fs/9p/9p.ko.xz',
    'kernel/drivers/virtio/virtio.ko.xz',
    'kernel/drivers/virtio/virtio_ring.ko.xz',
    'kernel/net/9p/9pnet_virtio.ko.xz',
  ]);
});

test('what is in no file is built in', () => {
  assert.deepEqual(loadOrder(modulesDep, ['overlay', 'nvme_tcp']), ['kernel/drivers/nvme/host/nvme-tcp.ko.xz']);
});

test('names of modules', () => {
  assert.equal(moduleName('kernel/drivers/nvme/host/nvme-tcp.ko.zst'), 'nvme_tcp');
  assert.equal(moduleName('overlay'), 'overlay');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeDescriptor } from './descriptors.ts';
import { userTimeoutOf } from './socket-option.test.support.ts';
import { encodeAddress, makeSocket, tuneSocket } from './sockets.ts';

for (const host of ['127.0.0.1', '::1']) {
  test(`the kernel has the user timeout that a socket was given (${host})`, () => {
    const encoded = encodeAddress({ host, port: 4420 }) ?? assert.fail();
    for (const userTimeout of [1, 5000, 86_400_000]) {
      const fd = makeSocket(encoded);
      assert.ok(fd >= 0);
      assert.equal(userTimeoutOf(fd), 0);
      tuneSocket(fd, { userTimeout: 0 });
      assert.equal(userTimeoutOf(fd), 0);
      tuneSocket(fd, { userTimeout });
      assert.equal(userTimeoutOf(fd), userTimeout);
      closeDescriptor(fd);
    }
  });
}

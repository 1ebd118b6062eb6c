import assert from 'node:assert/strict';
import { test } from 'node:test';
import { associationDefaults } from '../fabric/nvme-tcp/association-options.ts';
import type { AttachOptions } from './contract.ts';
import { pathTimes } from './path-times.ts';

function times(options: Partial<AttachOptions>): ReturnType<typeof pathTimes> {
  return pathTimes({ name: 'a', ...options });
}

test('what was not said is left to the defaults', () => {
  assert.deepEqual(times({}), {});
  const { userTimeoutMs, katoMs, ioTimeoutMs, reconnectFirstMs, reconnectLongestMs } = associationDefaults;
  assert.ok(userTimeoutMs < katoMs && katoMs < ioTimeoutMs, 'a vanished peer is noticed first, a hung command last');
  assert.ok(reconnectFirstMs < reconnectLongestMs);
});

test('what was said arrives, in whole milliseconds', () => {
  assert.deepEqual(
    times({
      keepAlive: 9000.4,
      ioTimeout: 5000,
      tcpUserTimeout: 2500.6,
      quiesceTime: 0,
      reconnectFirst: 50,
      reconnectLongest: 60_000,
    }),
    {
      katoMs: 9000,
      ioTimeoutMs: 5000,
      userTimeoutMs: 2501,
      quiesceMs: 0,
      reconnectFirstMs: 50,
      reconnectLongestMs: 60_000,
    },
  );
  assert.deepEqual(times({ ioTimeout: 0, tcpUserTimeout: 0 }), { ioTimeoutMs: 0, userTimeoutMs: 0 });
});

test('one wait before connecting again moves the other where it has to', () => {
  assert.deepEqual(times({ reconnectFirst: 60_000 }), { reconnectFirstMs: 60_000, reconnectLongestMs: 60_000 });
  assert.deepEqual(times({ reconnectFirst: 1000 }), { reconnectFirstMs: 1000, reconnectLongestMs: 5000 });
  assert.deepEqual(times({ reconnectLongest: 100 }), { reconnectFirstMs: 100, reconnectLongestMs: 100 });
});

test('what makes no sense is refused by name', () => {
  const wrong: readonly (readonly [Partial<AttachOptions>, RegExp])[] = [
    [{ keepAlive: 0 }, /^the keep-alive timeout is 0 µs; it is from 100 ms/],
    [{ ioTimeout: 1 }, /^the I\/O timeout is 1 ms; it is none \(0\), or from 100 ms/],
    [{ tcpUserTimeout: -1 }, /^the TCP user timeout/],
    [{ tcpUserTimeout: Number.NaN }, /^the TCP user timeout/],
    [{ quiesceTime: Number.POSITIVE_INFINITY }, /^the quiesce time/],
    [{ reconnectFirst: 0 }, /^the first wait/],
    [{ reconnectFirst: 300, reconnectLongest: 200 }, /^the longest wait .* is 200 ms; it is from 300 ms/],
    [{ reconnectLongest: 5 }, /wait before connecting again/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => times(options), { code: 'invalid-argument', message });
  }
});

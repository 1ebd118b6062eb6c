import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SmoothedLatency } from './smoothed-latency.ts';

const memory = 100;

describe('smoothed latency', () => {
  it('rises at once and falls over time', () => {
    const latency = new SmoothedLatency(memory);
    latency.introduce(0, 0);
    latency.heard(0, 5, 1);
    assert.equal(latency.values[0], 5);
    latency.heard(0, 1, 2);
    const after = latency.values[0];
    assert.ok(after !== undefined && after < 5 && after > 4.9, `${after}`);
    for (let now = 3; now < 1000; now += 1) latency.heard(0, 1, now);
    assert.ok(Math.abs(latency.values[0] - 1) < 0.01);
  });

  it('stays between the least and the greatest of its samples', () => {
    const samples = fc.array(fc.tuple(fc.double({ min: 0.01, max: 1000, noNaN: true }), fc.nat({ max: 500 })), {
      minLength: 2,
    });
    fc.assert(
      fc.property(samples, (given) => {
        const latency = new SmoothedLatency(memory);
        let now = 0;
        for (const [took, wait] of given) {
          now += wait;
          latency.heard(0, took, now);
          assert.ok(latency.values[0]! >= Math.min(...given.map(([each]) => each)) - 1e-9);
          assert.ok(latency.values[0]! >= took);
          assert.ok(latency.values[0]! <= Math.max(...given.map(([each]) => each)) + 1e-9);
        }
      }),
    );
  });

  it('fades while the path is idle, never while it is busy', () => {
    const latency = new SmoothedLatency(memory);
    latency.heard(0, 20, 0);
    let before = 20;
    for (let now = 50; now < 2000; now += 50) {
      const idle = latency.expected(0, false, now);
      assert.ok(idle < before || idle === 0.02);
      before = idle;
    }
    assert.ok(latency.expected(0, false, 1000) < 0.5, 'after ten times the memory little is left');
    assert.ok(latency.expected(0, true, 1000) >= 20);
  });

  it('takes silence of a busy path for latency, but not the time in which it was idle', () => {
    const latency = new SmoothedLatency(memory);
    latency.heard(0, 1, 0);
    latency.began(0, 500);
    assert.ok(latency.expected(0, true, 501) <= 1);
    assert.equal(latency.expected(0, true, 530), 30);
    latency.heard(0, -1, 531);
    assert.ok(latency.expected(0, true, 531) < 1, 'an answer that says nothing of latency ends the silence');
  });

  it('begins with the worst of the others, and forgets a path that is gone', () => {
    const latency = new SmoothedLatency(memory);
    latency.introduce(0, 0);
    assert.equal(latency.values[0], 1);
    latency.heard(1, 3, 0);
    latency.heard(2, 7, 0);
    latency.introduce(3, 0);
    assert.equal(latency.values[3], 7);
    latency.introduce(1, 0);
    assert.equal(latency.values[1], 7, 'what it was before it went does not count');
    latency.heard(1, 3, 1e9);
    latency.forget(0);
    latency.forget(2);
    latency.forget(3);
    latency.introduce(2, 0);
    assert.ok(Math.abs(latency.values[2]! - 3) < 1e-6);
  });

  it('of a path that was never introduced is nothing worse than its first sample', () => {
    const latency = new SmoothedLatency(memory);
    latency.began(5, 10);
    latency.heard(5, -1, 11);
    assert.equal(latency.values[5], -1);
    latency.heard(5, 2, 12);
    assert.equal(latency.values[5], 2);
  });
});

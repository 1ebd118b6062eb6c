import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Comebacks } from './comebacks.ts';

describe('a path that comes back', () => {
  it('carries I/O at once, unless told otherwise', () => {
    const path = new Comebacks({});
    path.lost(1000);
    path.cameBack(2000);
    assert.equal(path.onProbation, false);
  });

  it('has to stay up for the failback delay', () => {
    const path = new Comebacks({ failback: 500 });
    path.lost(1000);
    path.cameBack(2000);
    assert.deepEqual([path.onProbation, path.until], [true, 2500]);
    path.lost(2100);
    assert.equal(path.onProbation, false, 'what is down is not on probation');
    path.cameBack(2200);
    assert.equal(path.until, 2700, 'the delay begins anew');
  });

  it('waits for the administrator where failback is by hand', () => {
    const path = new Comebacks({ failback: -1 });
    path.lost(1000);
    path.cameBack(2000);
    assert.equal(path.until, Number.POSITIVE_INFINITY);
    assert.match(path.reason, /path restore/);
    path.end();
    assert.deepEqual([path.onProbation, path.reason], [false, '']);
  });

  it('is held when it came and went too often in too short a time, and only then', () => {
    const often = { flapLimit: 3, flapWindow: 1000, flapHold: 5000 };
    for (const [gap, held] of [
      [400, true],
      [600, false],
    ] as const) {
      const path = new Comebacks(often);
      let now = 10_000;
      for (let time = 0; time < 3; time += 1) {
        assert.equal(path.onProbation, false);
        path.lost(now);
        path.cameBack(now + 10);
        now += gap;
      }
      assert.equal(path.onProbation, held, `losses ${gap} ms apart`);
      if (held) assert.equal(path.until, now - gap + 10 + 5000);
    }
    const never = new Comebacks({ ...often, flapLimit: 0 });
    for (let now = 0; now < 100; now += 1) never.lost(now);
    never.cameBack(100);
    assert.equal(never.onProbation, false);
  });

  it('is judged by other rules from the moment it came back; one that carries I/O is left in peace', () => {
    const path = new Comebacks({ failback: 10_000 });
    path.lost(1000);
    path.cameBack(2000);
    path.options = { failback: 60_000 };
    assert.equal(path.until, 62_000);
    path.options = { failback: 500 };
    assert.equal(path.until, 2500, 'over, as soon as somebody looks');
    path.options = { failback: -1 };
    assert.equal(path.until, Number.POSITIVE_INFINITY);
    path.options = { failback: 0 };
    assert.deepEqual([path.until, path.reason], [0, '']);
    path.options = { failback: 60_000 };
    assert.equal(path.onProbation, false, 'it was taken out of use by a rule that came later');
    path.lost(3000);
    path.cameBack(4000);
    assert.equal(path.until, 64_000);
  });

  it('was lost as often as it was, whatever the limit was then', () => {
    const path = new Comebacks({ flapLimit: 8, flapHold: 5000 });
    for (let now = 1000; now < 5000; now += 1000) path.lost(now);
    path.options = { flapLimit: 3, flapHold: 5000 };
    path.cameBack(5000);
    assert.equal(path.until, 10_000);
    path.options = { flapLimit: 3, flapHold: 2000 };
    assert.equal(path.until, 7000);
    path.options = { flapLimit: 5, flapHold: 2000 };
    assert.equal(path.onProbation, false, 'three losses are no flapping any more');
  });
});

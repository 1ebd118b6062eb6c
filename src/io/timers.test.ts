import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Timer } from './contract.ts';
import { TimerSet } from './timers.ts';

const COUNT = 12;

/** The same as a list that is searched: slow, and plainly right. */
class Model {
  readonly #armed = new Map<number, { due: number; sequence: number }>();
  #sequence = 0;

  arm(index: number, due: number): void {
    this.#armed.set(index, { due, sequence: this.#sequence });
    this.#sequence += 1;
  }

  disarm(index: number): void {
    this.#armed.delete(index);
  }

  runDue(now: number): number[] {
    const due = [...this.#armed].filter(([, entry]) => entry.due <= now);
    due.sort(([, one], [, other]) => one.due - other.due || one.sequence - other.sequence);
    for (const [index] of due) this.#armed.delete(index);
    return due.map(([index]) => index);
  }

  get nextDue(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#armed.values()].map((entry) => entry.due));
  }

  get size(): number {
    return this.#armed.size;
  }
}

describe('timers', () => {
  it('behave like a searched list', () => {
    const index = fc.nat({ max: COUNT - 1 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('arm' as const), index, value: fc.nat({ max: 20 }) }),
      fc.record({ kind: fc.constant('disarm' as const), index, value: fc.constant(0) }),
      fc.record({ kind: fc.constant('pass' as const), index: fc.constant(0), value: fc.nat({ max: 15 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let now = 0;
        const fired: number[] = [];
        const set = new TimerSet({ now: () => now });
        const model = new Model();
        const timers: Timer[] = Array.from({ length: COUNT }, (_, which) => set.make(() => fired.push(which)));
        for (const { kind, index: which, value } of steps) {
          if (kind === 'arm') {
            timers[which]?.arm(value);
            model.arm(which, now + value);
          } else if (kind === 'disarm') {
            timers[which]?.disarm();
            model.disarm(which);
          } else {
            now += value;
            fired.length = 0;
            const count = set.runDue(now);
            assert.deepEqual(fired, model.runDue(now));
            assert.equal(count, fired.length);
          }
          assert.equal(set.nextDue(), model.nextDue);
          assert.equal(set.armed, model.size);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('do not fire twice in one pass, even when they are due at once again', () => {
    let fired = 0;
    const set = new TimerSet({ now: () => 5 });
    const timer = set.make(() => {
      fired += 1;
      timer.arm(0);
    });
    timer.arm(0);
    assert.equal(set.runDue(5), 1);
    assert.equal(fired, 1);
    assert.equal(timer.armed, true);
    assert.equal(set.runDue(5), 1);
  });

  it('refuse times that are none', () => {
    const timer = new TimerSet({ now: () => 0 }).make(() => undefined);
    for (const time of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => timer.arm(time), { code: 'assertion' });
    }
    assert.equal(timer.armed, false);
  });
});

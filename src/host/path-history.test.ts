import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pathStateNames } from '../multipath/state.ts';
import { keptChanges, type Moment, PathHistory } from './path-history.ts';

function moment(clock: number): Moment {
  return { date: Date.UTC(2026, 0, 1) + clock, clock };
}

test('it remembers the last changes in order, all time by state, and every loss', () => {
  const change = fc.record({ state: fc.constantFrom(...pathStateNames), after: fc.integer({ min: 0, max: 10_000 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 100 }), fc.nat(10_000), (changes, rest) => {
      const history = new PathHistory('connecting', moment(5));
      const all = [{ state: 'connecting', at: 5 }];
      let clock = 5;
      for (const { state, after } of changes) {
        clock += after;
        history.change(state, moment(clock), '');
        all.push({ state, at: clock });
      }
      const end = clock + rest;
      const view = history.view(moment(end));
      assert.deepEqual(
        view.last.map(({ state, at, lasted }) => ({ state, at, lasted })),
        all
          .map(({ state, at }, index) => ({
            state,
            at: new Date(moment(at).date).toISOString(),
            lasted: (all[index + 1]?.at ?? end) - at,
          }))
          .slice(-keptChanges),
      );
      for (const name of pathStateNames) {
        const within = all.map(({ state, at }, index) => (state === name ? (all[index + 1]?.at ?? end) - at : 0));
        const was = all.some(({ state }) => state === name);
        assert.equal(view.time[name], was ? within.reduce((sum, one) => sum + one, 0) : undefined);
      }
      assert.equal(view.losses, changes.filter(({ state }) => state === 'down').length);
      assert.equal(view.changes, changes.length);
      assert.deepEqual([history.state, history.since], [all.at(-1)?.state, new Date(moment(clock).date)]);
    }),
  );
});

test('a reason that comes late is the reason of the change; later ones are not, nor those of a path that needs none', () => {
  const history = new PathHistory('live-optimized', moment(0));
  history.explain('of no concern');
  history.change('down', moment(10), '');
  history.explain('connection reset');
  history.explain('connection refused');
  history.change('inaccessible', moment(20), 'known at once');
  history.explain('too late');
  history.change('disabled', moment(30), 'of no concern');
  history.explain('of no concern');
  assert.deepEqual(
    history.view(moment(40)).last.map(({ reason }) => reason),
    ['', 'connection reset', 'known at once', ''],
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verdict } from '../../fabric/contract.ts';
import { maxWeight, type SelectorName, selectorNames } from '../selector.ts';
import { PathRig } from './path-rig.test.support.ts';

/** One thing that happens to a set of paths. `path` is taken modulo their number. */
type Event =
  | { readonly kind: 'send'; readonly bytes: number; readonly chance: number }
  | { readonly kind: 'answer' | 'fail' | 'disable' | 'enable' | 'optimized' | 'non-optimized'; readonly path: number }
  | { readonly kind: 'taken'; readonly path: number; readonly slots: number }
  | { readonly kind: 'weight'; readonly path: number; readonly weight: number }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'select'; readonly selector: SelectorName };

const slots = 6;
const path = fc.nat({ max: 63 });
const send = fc.record({
  kind: fc.constant('send' as const),
  bytes: fc.constantFrom(0, 512, 4096, 65_536, 1 << 20),
  chance: fc.nat({ max: 0xffff_ffff }),
});
const answer = fc.record({ kind: fc.constant('answer' as const), path });
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 12, arbitrary: send },
  { weight: 8, arbitrary: answer },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('fail' as const, 'disable', 'enable', 'optimized', 'non-optimized'),
      path,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('taken' as const), path, slots: fc.nat({ max: slots }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('weight' as const),
      path,
      weight: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: maxWeight })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.integer({ min: 1, max: 2000 }) }),
  },
);
const events = fc.array(event, { minLength: 1, maxLength: 300, size: 'max' });
const pathCount = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 64 }));

/** What each selector promises of a single choice, said the slow way: with a look at every path. */
const promises: Readonly<Record<SelectorName, (rig: PathRig, choice: number, bytes: number) => void>> = {
  'queue-depth': (rig, choice) => least(rig, choice, (index) => rig.path(index).inFlight),
  'least-blocks': (rig, choice) => least(rig, choice, (index) => rig.path(index).bytesInFlight),
  'service-time'(rig, choice, bytes) {
    // More throughputs than the selector tells apart: nothing exact is promised.
    if (new Set(rig.carrying.map((index) => rig.weight(index))).size > 8) return;
    least(rig, choice, (index) => (rig.path(index).bytesInFlight + bytes) / rig.weight(index));
  },
  'round-robin': () => {},
  latency: () => {},
  weighted: () => {},
  'failover-only': () => {},
};

function least(rig: PathRig, choice: number, of: (index: number) => number): void {
  assert.equal(of(choice), Math.min(...rig.ready.map(of)));
}

function choose(rig: PathRig, name: SelectorName, bytes: number, chance: number): void {
  rig.chance = chance;
  const choice = rig.set.choose(bytes);
  assert.equal(rig.set.choose(bytes), choice, 'the same snapshot gives the same choice');
  const { ready } = rig;
  if (choice === -1) {
    if (name !== 'failover-only') assert.deepEqual(ready, [], 'nobody is chosen although these have room');
    return;
  }
  assert.ok(ready.includes(choice), `path ${choice} was chosen, but only ${ready.join()} carry I/O and have room`);
  promises[name](rig, choice, bytes);
  rig.sendOn(choice, bytes);
}

function happen(rig: PathRig, what: Event): void {
  const at = 'path' in what ? what.path % rig.paths.length : 0;
  switch (what.kind) {
    case 'send':
      return choose(rig, rig.set.selector, what.bytes, what.chance);
    case 'answer':
      return void rig.answer(at);
    case 'fail':
      return void rig.answer(at, verdict.failed);
    case 'disable':
    case 'enable':
      return rig.disable(at, what.kind === 'disable');
    case 'optimized':
    case 'non-optimized':
      return rig.access(at, what.kind);
    case 'taken':
      return rig.taken(at, what.slots);
    case 'weight':
      return rig.setWeight(at, what.weight);
    case 'wait':
      rig.now += what.milliseconds;
      return;
    case 'select':
      rig.set.selector = what.selector;
  }
}

describe('every selector, whatever happens to its paths, picks one with room whenever there is one', () => {
  for (const name of selectorNames) {
    it(name, () => {
      fc.assert(
        fc.property(pathCount, events, (count, story) => {
          const rig = new PathRig(count, { selector: name }, slots);
          for (const what of story) happen(rig, what);
        }),
        { numRuns: 200 },
      );
    });
  }

  it('each changed for another one at any time', () => {
    const select = fc.record({ kind: fc.constant('select' as const), selector: fc.constantFrom(...selectorNames) });
    const stories = fc.array(fc.oneof({ weight: 10, arbitrary: event }, { weight: 1, arbitrary: select }), {
      minLength: 1,
      maxLength: 300,
      size: 'max',
    });
    fc.assert(
      fc.property(pathCount, stories, (count, story) => {
        const rig = new PathRig(count, {}, slots);
        for (const what of story) happen(rig, what);
      }),
      { numRuns: 400 },
    );
  });
});

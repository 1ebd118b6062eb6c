/** ANA states that change at random, by a seed; now and then no path can be used for a while. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnaState } from '../../src/array/ana.ts';
import { Random } from '../../src/base/random.ts';
import type { Scene } from './scene.ts';

const allStates: readonly AnaState[] = ['optimized', 'non-optimized', 'inaccessible', 'change'];
/** Every so many changes no path can be used, for this long. */
const darkEvery = 10;
const darkMilliseconds = 400;
const shortestPause = 50;
const pauseRange = 150;

/** Lasts until `milliseconds` have passed; then all is optimized. Returns the number of changes. */
export async function anaWeather(
  scene: Scene,
  milliseconds: number,
  seed: number,
  states: readonly AnaState[] = allStates,
): Promise<number> {
  const random = new Random(seed);
  const ports = scene.array.ports.length;
  const set = (port: number, state: AnaState): Promise<unknown> => scene.array.fault('setAna', [port, 1, state]);
  const setAll = async (state: AnaState): Promise<void> => {
    for (let port = 1; port <= ports; port += 1) await set(port, state);
  };
  const until = performance.now() + milliseconds;
  let changes = 0;
  for (; performance.now() < until; changes += 1) {
    const port = 1 + random.below(ports);
    if (changes % darkEvery === darkEvery - 1 && states.includes('inaccessible')) {
      await setAll('inaccessible');
      await sleep(darkMilliseconds);
      await set(port, 'optimized');
    } else {
      await set(port, states[random.below(states.length)] ?? 'optimized');
    }
    await sleep(shortestPause + random.below(pauseRange));
  }
  await setAll('optimized');
  return changes;
}

/** Bad weather for an array's ports: they are lost and come back at random, by a seed, sometimes three or all at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/base/random.ts';
import type { Scene } from './scene.ts';

/** How a port is lost: closed (RST, then refused), cut (RST, it goes on listening), or it swallows everything. */
export type LossKind = 'close' | 'cut' | 'swallow';

export interface StormOptions {
  readonly seed: number;
  readonly milliseconds: number;
  readonly kinds?: readonly LossKind[];
  /** How many ports are lost at once, round after round. */
  readonly rounds?: readonly number[];
  /** How long ports stay lost, milliseconds: at least and at most. */
  readonly lost?: readonly [number, number];
  /** Rounds are counted here as they end: whoever looks need not wait for the last one. */
  readonly done?: Rounds;
}

/** How many rounds of each size there were, by size. */
export type Rounds = Map<number, number>;

const defaultRounds = [1, 1, 3, 1, 2, 4, 1, 3, 2, 1];
/** Between two rounds, milliseconds. */
const shortestPause = 100;
const longestPause = 500;
/** How long paths may take to come back before a round that needs them. They try again after 5 s at the latest. */
const returnBound = 20_000;

/** Lasts until `milliseconds` have passed; then every port is open again. */
export async function storm(scene: Scene, options: StormOptions): Promise<void> {
  const random = new Random(options.seed);
  const until = performance.now() + options.milliseconds;
  const { kinds = ['close'], rounds = defaultRounds, lost = [100, 800], done } = options;
  const { ports } = scene.array;
  try {
    for (let round = 0; performance.now() < until; round += 1) {
      const size = Math.min(rounds[round % rounds.length] ?? 1, ports.length);
      // Losing the last path is a round of its own; so is losing three of four, which takes four.
      const needed = size === 1 ? 2 : ports.length;
      const live = (): number[] => livePorts(scene);
      await scene.until(
        returnBound,
        `${needed} live paths (storm seed ${options.seed})`,
        () => live().length >= needed,
      );
      const victims = choose(random, live(), size);
      const kind = kinds[random.below(kinds.length)] ?? 'close';
      await Promise.all(victims.map((port) => lose(scene, port, kind)));
      await sleep(between(random, lost[0], lost[1]));
      await Promise.all(victims.map((port) => scene.array.fault('openPort', [port + 1])));
      done?.set(size, (done.get(size) ?? 0) + 1);
      await sleep(between(random, shortestPause, longestPause));
    }
  } finally {
    await Promise.all(ports.map((_port, index) => scene.array.fault('openPort', [index + 1])));
  }
}

/** Ports whose path carries I/O. */
export function livePorts(scene: Scene): number[] {
  const { paths } = scene.volume.view();
  return scene.array.ports.flatMap(({ address, port }, index) => {
    const state = paths.find(({ id }) => id === `${address}:${port}`)?.state;
    return state === 'live-optimized' || state === 'live-non-optimized' ? [index] : [];
  });
}

async function lose(scene: Scene, port: number, kind: LossKind): Promise<void> {
  const fault = { close: 'closePort', cut: 'cutPort', swallow: 'swallowPort' }[kind];
  await scene.array.fault(fault, [port + 1]);
}

function choose(random: Random, from: readonly number[], count: number): number[] {
  const left = [...from];
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)).flat();
}

function between(random: Random, least: number, most: number): number {
  return least + random.below(most - least + 1);
}

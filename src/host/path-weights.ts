import { CausewayError } from '../base/errors.ts';

/**
 * The weights of a device's paths in the paths' order; 1 for each that is not named.
 * @throws CausewayError `no-such-path` for a name that is none of `ids`
 */
export function pathWeights(ids: readonly string[], weights: Readonly<Record<string, number>>): number[] {
  for (const name of Object.keys(weights)) {
    if (ids.includes(name)) continue;
    throw new CausewayError(
      'no-such-path',
      `a weight is given to a path ${JSON.stringify(name.slice(0, 100))}; there are ${ids.join(', ')}`,
      { hint: 'A path is named by its address and port, such as 127.0.0.1:4420.' },
    );
  }
  return ids.map((id) => (Object.hasOwn(weights, id) ? (weights[id] ?? 1) : 1));
}

/** The policy of one volume as it is now. It changes on all reactors of the volume, in one order. */
import { CausewayError } from '../base/errors.ts';
import type { GhostWrites } from '../multipath/options.ts';
import { checkedPolicy, isPolicyKey, type Policy, policyOf } from '../multipath/policy.ts';
import { maxWeight } from '../multipath/selector.ts';
import type { VolumePathEntry } from './path-table.ts';
import type { AttachOptions, PolicyConsent, PolicySettings } from './contract.ts';

/** To a reactor: what its paths are used by from now on. */
export interface PolicyOrder {
  readonly policy: Policy;
  /** By the path's index; 1 where there is none. */
  readonly weights: readonly number[];
}

/** Gives it to every reactor; resolves when all have taken it over. */
type Deliver = (order: PolicyOrder) => Promise<unknown>;

export class LivePolicy {
  #policy: Policy;
  /** By the path's index; 1 where there is none. */
  readonly #weights: number[] = [];
  /** Changes go one after the other: some take several steps. */
  #last: Promise<void> = Promise.resolve();

  /** @throws CausewayError `invalid-argument`, `no-such-path` */
  constructor(options: Partial<AttachOptions>, paths: Paths) {
    this.#policy = policyOf(checkedPolicy({ ...options }));
    const weights = checkedWeights(options.weights);
    checkPaths(weights, paths);
    this.#setWeights(weights, paths);
  }

  get policy(): Policy {
    return this.#policy;
  }

  get order(): PolicyOrder {
    return { policy: this.#policy, weights: Array.from(this.#weights, (weight?: number) => weight ?? 1) };
  }

  weight(index: number): number {
    return this.#weights[index] ?? 1;
  }

  /** The path with this index is gone. */
  forget(index: number): void {
    this.#weights[index] = 1;
  }

  /** All of it, by the names of the paths. */
  settings(paths: Paths): Required<PolicySettings> {
    return { ...this.#policy, weights: Object.fromEntries(paths.map(({ id, index }) => [id, this.weight(index)])) };
  }

  /**
   * Changes what is given. It takes effect at once; resolves when it has on every reactor.
   * @throws CausewayError `invalid-argument`, `no-such-path`; nothing has changed then
   */
  change(settings: PolicySettings, consent: PolicyConsent, paths: Paths, deliver: Deliver): Promise<void> {
    const { weights = {}, ...wanted } = checkedSettings({ ...settings });
    checkPaths(weights, paths);
    if (wanted.ghostWrites === 'none' && consent.acceptStaleData !== true) {
      throw new CausewayError(
        'invalid-argument',
        'with ghost writes "none" a late write of a lost controller may bring old data back over newer',
        { hint: 'Say that this is accepted, with --accept-stale-data (library: acceptStaleData), or use quarantine.' },
      );
    }
    const work = this.#last.then(async () => {
      const before = this.#policy.ghostWrites;
      this.#policy = { ...this.#policy, ...wanted };
      this.#setWeights(weights, paths);
      for (const ghostWrites of stepsBetween(before, this.#policy.ghostWrites)) {
        await deliver({ ...this.order, policy: { ...this.#policy, ghostWrites } });
      }
    });
    this.#last = work.catch(() => {});
    return work;
  }

  #setWeights(weights: Weights, paths: Paths): void {
    for (const { id, index } of paths) {
      if (Object.hasOwn(weights, id)) this.#weights[index] = weights[id] ?? 1;
    }
  }
}

/**
 * The modes that all reactors go through, each on all of them before the next. From `none` to `quarantine` there is
 * `strict` between: a reactor that already sends lost writes again must find in the table what another one sent without
 * keeping account. In `strict` no lost write is sent again, and when all are in it all keep account.
 */
function stepsBetween(before: GhostWrites, after: GhostWrites): readonly GhostWrites[] {
  return before === 'none' && after === 'quarantine' ? ['strict', 'quarantine'] : [after];
}

type Weights = Readonly<Record<string, number>>;
type Paths = readonly Pick<VolumePathEntry, 'id' | 'index'>[];

/** Settings that came from outside. @throws CausewayError `invalid-argument` */
export function checkedSettings(given: Readonly<Record<string, unknown>>): PolicySettings {
  const { weights, ...rest } = given;
  for (const key of Object.keys(rest)) {
    if (isPolicyKey(key)) continue;
    throw new CausewayError('invalid-argument', `a policy has no ${JSON.stringify(key.slice(0, 100))}`);
  }
  const policy = checkedPolicy(rest);
  return weights === undefined ? policy : { ...policy, weights: checkedWeights(weights) };
}

function checkedWeights(given: unknown): Weights {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new CausewayError('invalid-argument', 'weights are given by path, such as { "127.0.0.1:4420": 5 }');
  }
  const weights: [path: string, weight: number][] = [];
  for (const [path, weight] of Object.entries<unknown>({ ...given })) {
    if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 1 || weight > maxWeight) {
      throw new CausewayError(
        'invalid-argument',
        `the weight of ${JSON.stringify(path.slice(0, 100))} is ${JSON.stringify(weight)}; ` +
          `it is a whole number from 1 to ${maxWeight}`,
      );
    }
    weights.push([path, weight]);
  }
  return Object.fromEntries(weights);
}

/** @throws CausewayError `no-such-path` */
function checkPaths(weights: Weights, paths: Paths): void {
  const ids = paths.map(({ id }) => id);
  for (const path of Object.keys(weights)) {
    if (ids.includes(path)) continue;
    throw new CausewayError(
      'no-such-path',
      `a weight is given to a path ${JSON.stringify(path.slice(0, 100))}; there are ${ids.join(', ')}`,
      { hint: 'A path is named by its address and port, such as 127.0.0.1:4420.' },
    );
  }
}

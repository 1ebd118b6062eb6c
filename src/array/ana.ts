/**
 * Asymmetric namespace access: the state of each ANA group as seen through one port (NVM Express Base 2.1, 8.1.1).
 */
import { assert } from '../base/assert.ts';

export type AnaState = 'optimized' | 'non-optimized' | 'inaccessible' | 'persistent-loss' | 'change';

/** The state's number in the log page and in a command's status. */
export const anaStateCode: Readonly<Record<AnaState, number>> = {
  optimized: 0x1,
  'non-optimized': 0x2,
  inaccessible: 0x3,
  'persistent-loss': 0x4,
  change: 0xf,
};

/** Path related status (SCT 3h, SC) that an I/O command gets in a state; 0 where it is carried out. */
function refusalOf(state: AnaState): number {
  switch (state) {
    case 'optimized':
    case 'non-optimized':
      return 0;
    case 'persistent-loss':
      return 0x301;
    case 'inaccessible':
      return 0x302;
    case 'change':
      return 0x303;
  }
}

/** The states of all groups on one port. */
export class AnaStates {
  /** Groups are counted from 1; place 0 is not used. */
  readonly #states: AnaState[];
  readonly #refusals: Int16Array;
  readonly #changes: Float64Array;
  #changeCount = 0;

  constructor(groups: number, initial: Readonly<Record<number, AnaState>> = {}) {
    this.#states = Array.from({ length: groups + 1 }, (_, group) => initial[group] ?? 'optimized');
    this.#refusals = Int16Array.from(this.#states, refusalOf);
    this.#changes = new Float64Array(groups + 1);
  }

  get groups(): number {
    return this.#states.length - 1;
  }

  /** CHGC of the log page's header: grows with every change of any group. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** CHGC of one group's descriptor. */
  changeCountOf(group: number): number {
    return this.#changes[group] ?? 0;
  }

  of(group: number): AnaState {
    const state = this.#states[group];
    assert(state !== undefined && group > 0, 'an ANA group does not exist');
    return state;
  }

  /** The status an I/O command of this group gets, 0 if it may go on. Data path. */
  refusal(group: number): number {
    return this.#refusals[group]!;
  }

  /** True if this changed anything. */
  set(group: number, state: AnaState): boolean {
    assert(group > 0 && group < this.#states.length, 'an ANA group does not exist');
    if (this.#states[group] === state) return false;
    this.#states[group] = state;
    this.#refusals[group] = refusalOf(state);
    this.#changeCount += 1;
    this.#changes[group] = this.#changeCount;
    return true;
  }
}

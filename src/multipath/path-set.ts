/** The paths of a device and the choice among them. The candidates are kept ready; events rebuild them. */
import { assert } from '../base/assert.ts';
import type { NativePath } from '../fabric/contract.ts';
import { Member } from './member.ts';
import { type Selector, type SelectorName, selectors } from './selector.ts';
import { type DeviceStatistics, maxPaths } from './statistics.ts';

export class PathSet {
  /** By index; all reactors of a device agree on the indexes. */
  readonly members: (Member | undefined)[] = [];
  readonly #statistics: DeviceStatistics;
  #select: Selector;
  #name: SelectorName;
  #candidates: NativePath[] = [];
  #indexes: number[] = [];
  #last = -1;

  constructor(selector: SelectorName, statistics: DeviceStatistics) {
    this.#name = selector;
    this.#select = selectors[selector];
    this.#statistics = statistics;
  }

  get selector(): SelectorName {
    return this.#name;
  }

  set selector(name: SelectorName) {
    this.#name = name;
    this.#select = selectors[name];
  }

  add(index: number, path: NativePath): Member {
    assert(index >= 0 && index < maxPaths && this.members[index] === undefined, 'a path index is used twice');
    const member = new Member(index, path, this.#statistics);
    this.members[index] = member;
    return member;
  }

  drop(index: number): void {
    this.members[index] = undefined;
    this.rebuild();
  }

  member(index: number): Member {
    const member = this.members[index];
    assert(member !== undefined, 'no path of this index');
    return member;
  }

  /** Some path carries I/O. */
  get alive(): boolean {
    return this.#candidates.length > 0;
  }

  /** Optimized paths before non-optimized ones before none. */
  rebuild(): void {
    let best = 0;
    for (const member of this.members) {
      const rank = member === undefined ? 0 : member.rank;
      if (rank !== 0 && (best === 0 || rank < best)) best = rank;
    }
    const candidates: NativePath[] = [];
    const indexes: number[] = [];
    for (const member of this.members) {
      if (member === undefined || best === 0 || member.rank !== best) continue;
      candidates.push(member.path);
      indexes.push(member.index);
    }
    this.#candidates = candidates;
    this.#indexes = indexes;
    this.#last = -1;
  }

  /** The index of the path for the next command; -1 when none lives or none has room. */
  choose(): number {
    const candidates = this.#candidates;
    if (candidates.length === 0) return -1;
    const choice = this.#select(candidates, this.#last);
    if (choice === -1) return -1;
    this.#last = choice;
    return this.#indexes[choice]!;
  }
}

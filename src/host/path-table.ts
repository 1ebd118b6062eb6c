/** The paths of a volume as the main thread knows them; they come and go while it is served. */
import { CausewayError } from '../base/errors.ts';
import { maxPaths } from '../multipath/statistics.ts';

/** One path of a volume. */
export interface VolumePathEntry {
  /** What stands for it on every reactor. Belongs to another path later, when this one is gone. */
  readonly index: number;
  /** Never that of another address; the same one again if others kept it while the path was away. */
  readonly association: number;
  /** For people: `<address>:<port>`. */
  readonly id: string;
}

export class PathTable {
  readonly #paths: VolumePathEntry[] = [];
  /** Of associations whose paths are gone: something may still be in quarantine because of them. */
  readonly #gone = new Map<number, string>();

  /** In the order in which they were named: the first has index 0. */
  constructor(paths: readonly Omit<VolumePathEntry, 'index'>[] = []) {
    for (const [index, path] of paths.entries()) this.add({ index, ...path });
  }

  /** In the order of their indexes. */
  get list(): readonly VolumePathEntry[] {
    return this.#paths;
  }

  byIndex(index: number): VolumePathEntry | undefined {
    return this.#paths.find((path) => path.index === index);
  }

  byAssociation(association: number): VolumePathEntry | undefined {
    return this.#paths.find((path) => path.association === association);
  }

  /** By its id, or by its place in the list, from 1. @throws CausewayError `no-such-path` */
  find(device: string, text: string): VolumePathEntry {
    const found = this.#paths.find(({ id }, place) => id === text || String(place + 1) === text);
    if (found !== undefined) return found;
    const ids = this.#paths.map(({ id }) => id).join(', ');
    throw new CausewayError('no-such-path', `${device} has no path "${text}" (it has: ${ids})`);
  }

  /** The index that a new path gets; -1 if there is none. */
  get freeIndex(): number {
    for (let index = 0; index < maxPaths; index += 1) if (this.byIndex(index) === undefined) return index;
    return -1;
  }

  add(path: VolumePathEntry): void {
    this.#gone.delete(path.association);
    this.#paths.push(path);
    this.#paths.sort((one, other) => one.index - other.index);
  }

  /** No reactor knows it any more. */
  drop(path: VolumePathEntry): void {
    this.#paths.splice(this.#paths.indexOf(path), 1);
    this.#gone.set(path.association, path.id);
  }

  /** The name of a path, also when it is gone. */
  nameOf(association: number): string | undefined {
    return this.byAssociation(association)?.id ?? this.#gone.get(association);
  }

  /** Associations whose paths are gone, and what those were called. */
  get gone(): ReadonlyMap<number, string> {
    return this.#gone;
  }

  /** The association is over, and all its fences are. */
  forgetGone(association: number): void {
    this.#gone.delete(association);
  }
}

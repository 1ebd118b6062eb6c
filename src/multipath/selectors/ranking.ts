import { maxPaths } from '../statistics.ts';

/**
 * The paths in the order of a key, as far as anyone asks: who is first. A tournament: each inner node names the winner of
 * the two below it, so that a key that changes costs one comparison a level (two for 4 paths, six for 64) and asking
 * costs nothing. Among equal keys the path that was used longest ago is first: light load is spread in turn.
 */
export class Ranking {
  /** By path; Infinity for one that does not take part. */
  readonly keys = new Float64Array(maxPaths);
  /** The number of the last command that went to a path; whoever changes it calls `set` for that path. */
  readonly turns: Float64Array;
  /** Node 1 is the root, the children of n are 2n and 2n + 1, the leaf of path i is `#leaves` + i. */
  readonly winners = new Uint8Array(2 * maxPaths);
  #leaves = 1;

  constructor(turns: Float64Array) {
    this.turns = turns;
    this.clear(1);
  }

  /** Nobody takes part. @param leaves paths have indexes below this; a power of two */
  clear(leaves: number): void {
    this.#leaves = leaves;
    this.keys.fill(Number.POSITIVE_INFINITY);
    for (let index = 0; index < leaves; index += 1) this.winners[leaves + index] = index;
    for (let node = leaves - 1; node > 0; node -= 1) this.winners[node] = this.winners[2 * node]!;
  }

  set(index: number, key: number): void {
    const { winners } = this;
    this.keys[index] = key;
    for (let node = (this.#leaves + index) >>> 1; node > 0; node >>>= 1) {
      const left = winners[2 * node]!;
      const right = winners[2 * node + 1]!;
      const winner = this.#isBefore(right, left) ? right : left;
      // It neither was nor is first here: nothing above depends on it.
      if (winner !== index && winner === winners[node]) return;
      winners[node] = winner;
    }
  }

  /** The path with the least key; -1 when nobody takes part. */
  get first(): number {
    const first = this.winners[1]!;
    return this.keys[first] === Number.POSITIVE_INFINITY ? -1 : first;
  }

  #isBefore(a: number, b: number): boolean {
    const keyA = this.keys[a]!;
    const keyB = this.keys[b]!;
    return keyA < keyB || (keyA === keyB && this.turns[a]! < this.turns[b]!);
  }
}

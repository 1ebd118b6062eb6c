/**
 * What a choice costs, counted in looks at the board instead of in time: every reading and writing of a place of any of
 * its arrays is one look. Sending and answering count too, since they keep the board.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../../base/random.ts';
import { type Selector, selectorNames, selectors } from '../selector.ts';
import { ActivePath } from './active-path.ts';
import { Board } from './board.ts';

interface Looks {
  count: number;
}

/** The same array, with every look at one of its places counted. */
function counted<T extends object>(array: T, looks: Looks): T {
  return new Proxy(array, {
    get(target, name) {
      if (isPlace(name)) looks.count += 1;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set(target, name, value) {
      if (isPlace(name)) looks.count += 1;
      return Reflect.set(target, name, value, target);
    },
  });
}

function isPlace(name: string | symbol): boolean {
  return typeof name === 'string' && /^\d+$/.test(name);
}

function countLooks(owner: object, looks: Looks): void {
  for (const [name, value] of Object.entries(owner)) {
    if (ArrayBuffer.isView(value) || Array.isArray(value)) Reflect.set(owner, name, counted(value, looks));
  }
}

/** A board of which every public array counts. Its private ones are looked at beside public ones only. */
function countedBoard(selector: Selector, paths: number, looks: Looks): Board {
  const board = new Board(selector, 4, 250, new ActivePath());
  for (let index = 0; index < paths; index += 1) board.setWeight(index, 1 + (index % 5));
  for (let index = 0; index < paths; index += 1) board.setCarries(index, true, 0);
  board.arrange(paths);
  for (const ranking of board.rankings) countLooks(ranking, looks);
  countLooks(board.latency, looks);
  countLooks(board, looks);
  return board;
}

/** The mean and the greatest number of looks that one command needs from its choice to its answer. */
function cost(selector: Selector, paths: number): { mean: number; most: number } {
  const looks: Looks = { count: 0 };
  const board = countedBoard(selector, paths, looks);
  const random = new Random(paths);
  const depth = 3;
  const bytes = Array.from({ length: paths }, (): number[] => []);
  let now = 0;
  const load = (index: number): void => {
    const under = bytes[index] ?? [];
    const sum = under.reduce((total, each) => total + each, 0);
    board.load(index, under.length, sum, under.length < depth);
  };
  for (let index = 0; index < paths; index += 1) load(index);
  const commands = 5000;
  let total = 0;
  let most = 0;
  for (let i = 0; i < commands; i += 1) {
    now += random.float();
    const size = 512 << random.below(10);
    looks.count = 0;
    const index = selector.choose(board, size, now, random.nextUint32());
    if (index !== -1) {
      board.sent(index, now);
      bytes[index]?.push(size);
      load(index);
    }
    const sent = looks.count;
    const other = random.below(paths);
    looks.count = 0;
    if (bytes[other]?.shift() !== undefined) {
      board.latency.heard(other, random.float(), now);
      load(other);
    }
    total += sent + looks.count;
    most = Math.max(most, sent, looks.count);
  }
  return { mean: total / commands, most };
}

/** Looks at one level of a ranking: two winners, their keys and turns, the winner before and after. */
const perLevel = 8;

/**
 * Four times as many paths add two levels to a ranking, and nothing else: the step from 16 to 64 paths is no greater
 * than that from 4 to 16, where a look at every path would make it four times as great.
 */
function judge(selector: Selector): void {
  const four = cost(selector, 4);
  const sixteen = cost(selector, 16);
  const most = cost(selector, 64);
  const said = `looks with 4, 16 and 64 paths: ${JSON.stringify([four, sixteen, most])}`;
  const slack = 4;
  const levels = selector.key === null ? 0 : 2;
  for (const [less, more] of [
    [four, sixteen],
    [sixteen, most],
  ] as const) {
    // One change of the order for the command that is sent, one for the command that ends.
    assert.ok(more.mean - less.mean <= 2 * levels * perLevel + slack, said);
    assert.ok(more.most - less.most <= levels * perLevel + slack + groupLooks(selector), said);
  }
  assert.ok(most.mean - sixteen.mean <= Math.max(sixteen.mean - four.mean, 0) * 1.5 + slack, said);
}

/** Four paths have one throughput less than five and more. */
function groupLooks(selector: Selector): number {
  return selector.tellsThroughputs ? 8 : 0;
}

describe('a choice costs the same for any number of paths, but for the depth of a ranking', () => {
  for (const name of selectorNames) it(name, () => judge(selectors[name]));

  it('which a selector that looks at every path does not pass', () => {
    const scan: Selector = {
      choose(board) {
        let best = -1;
        for (let index = 0; index < board.size; index += 1) {
          if (board.hasRoom[index] === 1 && (best === -1 || board.inFlight[index]! < board.inFlight[best]!))
            best = index;
        }
        return best;
      },
      key: null,
      tellsThroughputs: false,
      usesChance: false,
      keepsToOne: false,
      mayHedge: true,
    };
    assert.throws(() => judge(scan), /looks with/);
  });
});

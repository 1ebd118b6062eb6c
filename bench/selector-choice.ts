/**
 * What each selector costs a command, from its choice to its answer, with 1 to 64 paths: `node dist/bench/selector-choice.js`.
 * Nanoseconds of processor time in this process alone, the best of several rounds; nothing is sent anywhere.
 */
import { op } from '../src/block/request.ts';
import { Random } from '../src/base/random.ts';
import { type NativePath, Part } from '../src/fabric/contract.ts';
import { PathSet } from '../src/multipath/path-set.ts';
import { selectorNames, type SelectorName } from '../src/multipath/selector.ts';
import { limits } from '../src/multipath/selectors/path-rig.test.support.ts';
import { DeviceStatistics } from '../src/multipath/statistics.ts';

const pathCounts = [1, 4, 16, 64];
const commands = 200_000;
const rounds = 15;
/** Commands under way on each path, on average, and the most it takes. */
const depth = 16;
const slots = 64;

class NumberPath implements NativePath {
  readonly id: string;
  readonly controller: number;
  readonly epoch = 1;
  readonly limits = limits;
  readonly open = true;
  inFlight = 0;
  bytesInFlight = 0;
  waiter: NativePath['waiter'] = null;

  constructor(index: number) {
    this.id = `path-${index}`;
    this.controller = index;
  }

  get hasRoom(): boolean {
    return this.inFlight < slots;
  }

  submit(part: Part): void {
    this.inFlight += 1;
    this.bytesInFlight += part.length;
  }

  detach(): boolean {
    return true;
  }
}

/** Keeps `depth` commands a path under way; the oldest is answered for each that is sent. Returns nanoseconds a command. */
function measure(selector: SelectorName, count: number): number {
  let now = 0;
  const io = { clock: { now: () => now }, random: new Random(1) };
  const weights = Array.from({ length: count }, (_unused, index) => 1 + (index % 4));
  const set = new PathSet(io, { selector, weights }, new DeviceStatistics());
  const paths = Array.from({ length: count }, (_unused, index) => new NumberPath(index));
  for (const [index, path] of paths.entries()) set.add(index, path).refresh(0);
  set.rebuild();
  const most = selector === 'failover-only' ? depth : depth * count;
  const parts = Array.from({ length: most }, (_unused, index) => {
    const part = new Part(index);
    part.op = op.read;
    part.length = 4096 << (index % 5);
    part.pathIndex = -1;
    return part;
  });
  const began = process.cpuUsage();
  for (let i = 0, at = 0; i < commands; i += 1) {
    const part = parts[at]!;
    at = at + 1 === most ? 0 : at + 1;
    if ((i & 15) === 0) now += 0.01;
    if (part.pathIndex !== -1) {
      const path = paths[part.pathIndex]!;
      path.inFlight -= 1;
      path.bytesInFlight -= part.length;
      set.answered(part, now - part.startedAt);
    }
    const index = set.choose(part.length);
    part.pathIndex = index;
    if (index === -1) continue;
    part.startedAt = now;
    paths[index]!.submit(part);
    set.sent(index);
  }
  const { user, system } = process.cpuUsage(began);
  return ((user + system) * 1000) / commands;
}

const best = new Map<string, number>();
for (let round = 0; round < rounds; round += 1) {
  for (const name of selectorNames) {
    for (const count of pathCounts) {
      const key = `${name} ${count}`;
      best.set(key, Math.min(best.get(key) ?? Number.POSITIVE_INFINITY, measure(name, count)));
    }
  }
}
const unit = best.get('queue-depth 1') ?? Number.NaN;
console.log(`queue-depth with one path: ${unit.toFixed(0)} ns a command; everything below as multiples of it`);
for (const name of selectorNames) {
  const cells = pathCounts.map((count) => ((best.get(`${name} ${count}`) ?? Number.NaN) / unit).toFixed(2).padStart(6));
  console.log(name.padEnd(14), ...cells);
}

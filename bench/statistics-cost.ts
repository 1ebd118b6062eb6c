/**
 * What counting costs on the data path: `node dist/bench/statistics-cost.js`. Nanoseconds of processor time for each part
 * that comes back over one of four paths, and for each request that ends; the best of several rounds, less the empty loop.
 */
import { Random } from '../src/base/random.ts';
import { op, type Op, Request } from '../src/block/request.ts';
import { Part } from '../src/fabric/contract.ts';
import { World } from '../src/io/sim/world.ts';
import { DeviceStatistics } from '../src/multipath/statistics.ts';

const calls = 2_000_000;
const rounds = 15;
const paths = 4;

const random = new Random(1);
const size = 1024;
const operations: readonly Op[] = [op.read, op.read, op.read, op.write];
const parts = Array.from({ length: size }, (_unused, index) => {
  const part = new Part(index);
  part.op = operations[random.nextUint32() % operations.length]!;
  part.length = 4096;
  part.pathIndex = random.nextUint32() % paths;
  return part;
});
const io = new World({ seed: 1 }).io('host');
const requests = parts.map((part) => {
  const request = new Request(io, part.index);
  request.op = part.op;
  request.length = part.length;
  return request;
});
/** From 50 µs on, most of them short. */
const latencies = Float64Array.from(parts, () => 0.05 + 2 ** -(random.nextUint32() % 12) * 5);
const statistics = new DeviceStatistics();
const bases = parts.map((part) => DeviceStatistics.pathBase(part.pathIndex));

const loops: Readonly<Record<string, (at: number) => void>> = {
  nothing: (at) => statistics.set(0, latencies[at]! + bases[at]! + parts[at]!.op),
  'a part': (at) => statistics.countPart(parts[at]!, bases[at]!, latencies[at]!, at),
  'a request': (at) => statistics.countRequest(requests[at]!, 0, latencies[at]!),
};

function measure(work: (at: number) => void): number {
  const began = process.cpuUsage();
  for (let i = 0; i < calls; i += 1) work(i & (size - 1));
  const { user, system } = process.cpuUsage(began);
  return ((user + system) * 1000) / calls;
}

const best = new Map<string, number>();
for (let round = 0; round < rounds; round += 1) {
  for (const [name, work] of Object.entries(loops)) {
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, measure(work)));
  }
}
const nothing = best.get('nothing') ?? Number.NaN;
for (const [name, nanoseconds] of best)
  if (name !== 'nothing') console.log(`${name}: ${(nanoseconds - nothing).toFixed(1)} ns`);

/** What one reactor makes of paths that come, change and disagree: the paths are the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op, Request } from '../block/request.ts';
import { submitChecked } from '../block/door.ts';
import { status } from '../block/status.ts';
import { access, type PathInfo } from '../fabric/nvme-tcp/messages.ts';
import { World } from '../io/sim/world.ts';
import { FakePath } from '../multipath/bench.test.support.ts';
import type { MultipathDevice } from '../multipath/device.ts';
import { FlushLedger } from '../multipath/flush-ledger.ts';
import { GhostGate } from '../multipath/ghost-gate.ts';
import { policyOf } from '../multipath/policy.ts';
import { activePathBytes } from '../multipath/selectors/active-path.ts';
import { statisticsBytes } from '../multipath/statistics.ts';
import { ControllerLives } from './controller-lives.ts';
import { type VolumeEvent, VolumeReactor } from './volume-reactor.ts';
import { geometryOf } from './volume-shape.ts';

const mebi = 2 ** 20;
const deviceNumber = 1;

class ArrayPath extends FakePath {
  readonly instance = { cntlid: 1, ciu: 1, cirn: 1n };
  readonly fenceMs = 30_000;
  readonly nsid = 1;

  suspect(): void {}

  passthrough(): Promise<null> {
    return Promise.resolve(null);
  }
}

class Bench {
  readonly world = new World({ seed: 1 });
  readonly io = this.world.io('host');
  readonly events: VolumeEvent[] = [];
  readonly paths: ArrayPath[];
  readonly reactor: VolumeReactor;
  readonly device: MultipathDevice;
  readonly ended: number[] = [];
  #tags = 0;

  /** So many paths, all of which showed a writable volume of 16 MiB when it was attached, and as many that come later. */
  constructor(paths: number, later = 0, options: { readOnly?: boolean; isProtected?: boolean } = {}) {
    this.paths = Array.from({ length: paths + later }, (_unused, index) => new ArrayPath(index));
    this.reactor = new VolumeReactor(
      this.io,
      (event) => this.events.push(event),
      () => false,
    );
    const first = { readOnly: options.isProtected === true };
    for (let index = 0; index < paths; index += 1) this.show(index, first);
    this.device = this.reactor.make(
      {
        device: deviceNumber,
        identity: this.#info(0, {}).identity,
        nsid: 1,
        geometry: geometryOf(this.#info(0, first), mebi, options.readOnly === true),
        readOnly: options.readOnly === true,
        isProtected: options.isProtected === true,
        associations: this.paths.map((path) => path.controller),
        witnesses: Array.from({ length: paths }, (_unused, index) => index),
        policy: { policy: policyOf({}), weights: [] },
        activePath: new SharedArrayBuffer(activePathBytes(1)),
        sharedCache: false,
        gate: '',
        reactors: 1,
        reactor: 0,
        statistics: new SharedArrayBuffer(statisticsBytes),
      },
      { gate: new GhostGate(), ledger: new FlushLedger(), lives: new ControllerLives() },
    );
    this.events.length = 0;
  }

  #info(index: number, change: Partial<PathInfo>): PathInfo {
    return {
      id: `path-${index}/1`,
      nsid: 1,
      identity: { id: 'nguid.1', model: 'm', serial: 's' },
      subnqn: 'nqn.2014-08.org.example:one',
      sizeBytes: 16 * mebi,
      blockBytes: 4096,
      physicalBlockBytes: 4096,
      readOnly: false,
      volatileCache: false,
      limits: this.paths[index]!.limits,
      deallocatesZeroes: true,
      access: access.optimized,
      ...change,
    };
  }

  /** What the array says of the namespace over this path from now on. */
  show(index: number, change: Partial<PathInfo>, path = this.paths[index]!): void {
    this.reactor.onPath(path, this.#info(index, change), access.optimized);
  }

  lose(index: number): void {
    this.paths[index]!.open = false;
    this.reactor.onPathLost(this.paths[index]!);
  }

  /** Indexes of the paths that carry I/O. */
  get used(): number[] {
    return this.device.paths.members.flatMap((member) => (member?.state === 'live-optimized' ? [member.index] : []));
  }

  get size(): number {
    return this.device.geometry.sizeBytes / mebi;
  }

  /** The reasons why paths are refused, as they were told. */
  get refusals(): string[] {
    return this.events.flatMap((event) => (event.kind === 'path-refused' ? [`${event.index} ${event.reason}`] : []));
  }

  get note(): string {
    const told = this.events.flatMap((event) => (event.kind === 'volume-shape' ? [event.note] : []));
    return told.at(-1) ?? '';
  }

  start(operation: Request['op'], offset: number): void {
    const request = new Request(this.io, this.#tags);
    this.#tags += 1;
    request.begin(operation, offset, 4096, 4096, 0, { onRequest: (done) => void this.ended.push(done.status) });
    submitChecked(this.device, request);
  }

  settle(): Promise<void> {
    return this.world.drive(this.io.sleep(0), 1000);
  }
}

describe('a volume that grows', () => {
  it('keeps its size, and all paths, until all of them show the new one', () => {
    const one = new Bench(3);
    one.show(0, { sizeBytes: 32 * mebi });
    one.show(2, { sizeBytes: 32 * mebi });
    assert.equal(one.size, 16);
    assert.match(one.note, /^the device stays at 16 MiB until .*32 MiB at path-0\/1, 32 MiB at path-2\/1/);
    assert.deepEqual(one.used, [0, 1, 2]);
    one.show(1, { sizeBytes: 32 * mebi });
    assert.equal(one.size, 32);
    assert.equal(one.note, '');
    assert.deepEqual(one.used, [0, 1, 2]);
    assert.deepEqual(one.refusals, []);
  });

  it('does not wait for a path that is lost, and refuses it if it comes back as it was', () => {
    const one = new Bench(2);
    one.show(0, { sizeBytes: 32 * mebi });
    one.lose(1);
    assert.equal(one.size, 32);
    one.paths[1]!.open = true;
    one.show(1, {});
    assert.deepEqual([one.size, one.used], [32, [0]]);
    assert.deepEqual(one.refusals, ["1 its size is 16777216 bytes, the device's 33554432"]);
    one.show(1, {});
    assert.equal(one.refusals.length, 1, 'told once');
    one.show(1, { sizeBytes: 32 * mebi });
    assert.deepEqual(one.used, [0, 1]);
    assert.equal(one.events.at(-1)?.kind, 'path-state');
    assert(one.events.some((event) => event.kind === 'path-not-refused' && event.index === 1));
  });

  it('lets requests into what is new, over every path', async () => {
    const one = new Bench(1);
    one.start(op.write, 20 * mebi);
    await one.settle();
    assert.deepEqual(one.ended, [status.invalid]);
    one.show(0, { sizeBytes: 32 * mebi });
    one.start(op.write, 20 * mebi);
    assert.equal(one.paths[0]!.taken.length, 1);
    one.paths[0]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [status.invalid, status.ok]);
  });

  it('is not what a path that always was larger makes of it', () => {
    const one = new Bench(1, 1);
    one.show(1, { sizeBytes: 32 * mebi });
    assert.deepEqual([one.size, one.used], [16, [0, 1]]);
    one.lose(0);
    assert.equal(one.size, 16);
    // Another reactor, whose path changed, knows better.
    one.reactor.told(deviceNumber, { sizeBytes: 32 * mebi, readOnly: false });
    assert.equal(one.size, 32);
  });

  it('does not take word of another reactor for what its own paths do not show', () => {
    const one = new Bench(2);
    one.show(0, { sizeBytes: 32 * mebi });
    one.reactor.told(deviceNumber, { sizeBytes: 32 * mebi, readOnly: false });
    assert.equal(one.size, 16);
    one.show(1, { sizeBytes: 32 * mebi });
    assert.equal(one.size, 32);
  });
});

describe('a volume that shrinks', () => {
  it('is served over the paths that still have it, and follows when none has', async () => {
    const one = new Bench(2);
    one.show(0, { sizeBytes: 8 * mebi });
    assert.deepEqual([one.size, one.used], [16, [1]]);
    assert.equal(one.refusals.length, 1);
    one.start(op.read, 12 * mebi);
    assert.equal(one.paths[1]!.taken.length, 1);
    one.paths[1]!.answerAll();
    one.show(1, { sizeBytes: 8 * mebi });
    assert.deepEqual([one.size, one.used], [8, [0, 1]]);
    one.start(op.read, 12 * mebi);
    one.start(op.read, 4 * mebi);
    for (const path of one.paths) path.answerAll();
    await one.settle();
    assert.deepEqual(
      one.ended.toSorted((a, b) => a - b),
      [status.ok, status.ok, status.invalid],
    );
  });

  it('is not what a path that always was smaller makes of it: requests wait for the others', async () => {
    const one = new Bench(1, 1);
    one.show(1, { sizeBytes: 8 * mebi });
    one.lose(0);
    assert.deepEqual([one.size, one.used], [16, []]);
    one.start(op.read, 0);
    await one.settle();
    assert.deepEqual(one.ended, []);
    one.paths[0]!.open = true;
    one.show(0, {});
    one.paths[0]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [status.ok]);
  });
});

describe('a volume that its array protects', () => {
  it('is read-only once all paths show it, and writable again once none does', async () => {
    const one = new Bench(2);
    one.show(0, { readOnly: true });
    assert.deepEqual([one.device.geometry.readOnly, one.used], [false, [1]]);
    one.show(1, { readOnly: true });
    assert.deepEqual([one.device.geometry.readOnly, one.used], [true, [0, 1]]);
    one.start(op.write, 0);
    await one.settle();
    assert.deepEqual(one.ended, [status.readOnly]);
    one.show(1, {});
    assert.deepEqual([one.device.geometry.readOnly, one.used], [true, [0, 1]]);
    assert.match(one.note, /stays read-only until all paths are writable \(so far: path-1\/1\)/);
    one.show(0, {});
    assert.deepEqual([one.device.geometry.readOnly, one.note], [false, '']);
  });

  it('stays read-only when the user wants it so', () => {
    const one = new Bench(1, 0, { readOnly: true });
    one.show(0, { readOnly: true });
    one.show(0, {});
    assert.equal(one.device.geometry.readOnly, true);
  });

  it('may be attached so, and become writable', () => {
    const one = new Bench(2, 0, { isProtected: true });
    assert.equal(one.device.geometry.readOnly, true);
    one.show(0, {});
    one.show(1, {});
    assert.equal(one.device.geometry.readOnly, false);
  });

  it('waits for its writable paths rather than become what a read-only copy of it is', async () => {
    const one = new Bench(1, 1);
    one.show(1, { readOnly: true });
    one.start(op.write, 0);
    one.paths[0]!.answerAll();
    one.lose(0);
    one.start(op.write, 0);
    await one.settle();
    assert.deepEqual(one.ended, [status.ok]);
    assert.equal(one.device.geometry.readOnly, false);
    // The copy takes over.
    one.show(1, {});
    one.paths[1]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [status.ok, status.ok]);
  });
});

describe('a path that did not witness the change', () => {
  it('is not believed while one that did may come back, and is when the administrator took all of those away', () => {
    const one = new Bench(1, 1);
    one.lose(0);
    one.show(1, { sizeBytes: 32 * mebi });
    assert.equal(one.size, 16);
    one.reactor.retirePath({ device: deviceNumber, index: 0 });
    assert.equal(one.size, 32);
    assert.deepEqual(one.used, [1]);
  });
});

describe('another volume under the address', () => {
  const other = { id: 'nguid.2', model: 'm', serial: 's' };

  it('is refused by name until the right one is back, and the rest goes on', () => {
    const one = new Bench(2);
    one.reactor.onPathGone(one.paths[0]!);
    const stranger = new ArrayPath(0);
    one.show(0, { identity: other }, stranger);
    assert.deepEqual(one.used, [1]);
    const told = one.events.find((event) => event.kind === 'path-refused');
    assert.equal(told?.code, 'volume-replaced');
    assert.equal(told.reason, 'another volume is there now, nguid.2 instead of nguid.1');
    one.start(op.write, 0);
    assert.deepEqual([stranger.taken.length, one.paths[1]!.taken.length], [0, 1]);
    one.paths[1]!.answerAll();

    // Who begins to listen now hears of it as well.
    one.events.length = 0;
    one.reactor.tellAll(deviceNumber);
    assert.equal(one.refusals.length, 1);

    one.reactor.onPathGone(stranger);
    assert(one.events.some((event) => event.kind === 'path-not-refused'));
    one.show(0, {}, new ArrayPath(0));
    assert.deepEqual(one.used, [0, 1]);
  });

  it('does not count when its size or protection is another one', () => {
    const one = new Bench(1);
    one.reactor.onPathGone(one.paths[0]!);
    one.show(0, { identity: other, sizeBytes: 32 * mebi, readOnly: true }, new ArrayPath(0));
    assert.deepEqual([one.size, one.device.geometry.readOnly], [16, false]);
  });

  it('is nobody’s business under another number', () => {
    const one = new Bench(1);
    one.show(0, { nsid: 2, id: 'path-0/2', identity: other, sizeBytes: mebi }, new ArrayPath(0));
    assert.deepEqual([one.size, one.used, one.refusals], [16, [0], []]);
  });
});

it('refuses a path that can not do what the device promises, and uses it once it can', () => {
  const one = new Bench(1, 1);
  const cases: [Partial<PathInfo>, RegExp][] = [
    [{ blockBytes: 512 }, /its block size is 512, the device's 4096/],
    [{ volatileCache: true }, /volatile cache/],
    [{ limits: { ...one.paths[1]!.limits, canDiscard: false } }, /can not discard/],
    [{ limits: { ...one.paths[1]!.limits, canWriteZeroes: false } }, /can not write zeroes/],
  ];
  for (const [change, reason] of cases) {
    one.events.length = 0;
    one.show(1, change);
    one.show(1, change);
    assert.equal(one.refusals.length, 1);
    assert.match(one.refusals[0]!, reason);
    assert.deepEqual(one.used, [0]);
    one.show(1, {});
    assert.deepEqual(one.used, [0, 1]);
  }
});

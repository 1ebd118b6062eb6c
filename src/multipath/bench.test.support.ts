/** A multipath device over paths whose answers the test gives by hand. */
import assert from 'node:assert/strict';
import { op, Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { type NativePath, type Part, type PathLimits, verdict } from '../fabric/contract.ts';
import type { SimIo } from '../io/sim/sim-io.ts';
import { World } from '../io/sim/world.ts';
import { MultipathDevice } from './device.ts';
import type { MultipathOptions } from './options.ts';

export const KIB = 1024;
const MEBI = 1024 * KIB;
/** Where all requests have their payload. */
export const payloadPlace = 4096;

/** A path whose answers the test gives by hand. */
export class FakePath implements NativePath {
  readonly id: string;
  readonly controller: number;
  epoch = 1;
  limits: PathLimits = {
    readBytes: 128 * KIB,
    writeBytes: 128 * KIB,
    writeZeroesBytes: 1024 * KIB,
    discardBytes: 1024 * KIB,
    boundaryBytes: 0,
    canWriteZeroes: true,
    canDiscard: true,
  };
  open = true;
  room = 128;
  waiter: NativePath['waiter'] = null;
  readonly taken: Part[] = [];

  constructor(index: number) {
    this.id = `path-${index}`;
    this.controller = index;
  }

  get inFlight(): number {
    return this.taken.length;
  }

  get bytesInFlight(): number {
    return this.taken.reduce((sum, part) => sum + part.length, 0);
  }

  get hasRoom(): boolean {
    return this.taken.length < this.room;
  }

  submit(part: Part): void {
    assert.ok(this.open && this.hasRoom, 'a part was given to a path that can not take it');
    part.path = this;
    part.epoch = this.epoch;
    part.attempts += 1;
    this.taken.push(part);
  }

  /** What `detach` says; if false the test calls `device.onDetached`. */
  letsGo = true;
  readonly detached: Part[] = [];

  detach(part: Part): boolean {
    assert.ok(this.taken.includes(part), 'a part is detached that is not under way');
    this.detached.push(part);
    return this.letsGo;
  }

  answer(bits: number, blockStatus: Status = status.ok, delay = 0): Part {
    const part = this.taken.shift();
    assert.ok(part, 'nothing is under way on this path');
    part.verdict = bits;
    part.status = blockStatus;
    part.retryDelay = delay;
    part.owner?.onPart(part);
    return part;
  }

  answerAll(): void {
    while (this.taken.length > 0) this.answer(verdict.ok);
  }
}

export const lostRead = verdict.failed | verdict.pathFault | verdict.mayHaveExecuted | verdict.retryElsewhere;
export const ghost = lostRead | verdict.mayStillExecute;

export const calledBack = lostRead | verdict.calledBack;

export interface Bench {
  world: World;
  io: SimIo;
  device: MultipathDevice;
  paths: FakePath[];
  /** Begins a request; `ended` collects [tag, status] in order. */
  start(operation: Request['op'], offset: number, length: number, flags?: number): Request;
  ended: [number, number][];
  settle(milliseconds?: number): Promise<void>;
}

export function bench(pathCount: number, options: Partial<MultipathOptions> = {}, volatileCache = false): Bench {
  const world = new World({ seed: 1 });
  const io = world.io('host');
  assert.equal(io.memory.allocate(MEBI, payloadPlace), payloadPlace);
  const device = new MultipathDevice(io, {
    geometry: {
      sizeBytes: 1024 * 1024 * KIB,
      blockBytes: 4096,
      physicalBlockBytes: 4096,
      maxTransferBytes: 1024 * KIB,
      readOnly: false,
      volatileCache,
      canDiscard: true,
      canWriteZeroes: true,
    },
    identity: { id: 'uuid.1', model: 'm', serial: 's' },
    ...options,
  });
  const paths = Array.from({ length: pathCount }, (_unused, index) => new FakePath(index));
  for (const [index, path] of paths.entries()) device.addPath(index, path);
  const ended: [number, number][] = [];
  let tags = 0;
  return {
    world,
    io,
    device,
    paths,
    ended,
    start(operation, offset, length, flags = 0) {
      const request = new Request(io, tags);
      tags += 1;
      request.begin(operation, offset, length, payloadPlace, flags, {
        onRequest: (done) => void ended.push([done.tag, done.status]),
      });
      device.submit(request);
      return request;
    },
    settle: (milliseconds = 0) => world.drive(io.sleep(milliseconds), milliseconds + 1000),
  };
}

/** A path is lost: what was under way comes back with these bits, and the path is down. */
export function lose(one: Bench, index: number, bits: number): void {
  const path = one.paths[index]!;
  path.open = false;
  one.device.pathChanged(index);
  while (path.taken.length > 0) path.answer(path.taken[0]!.op === op.read ? lostRead : bits);
}

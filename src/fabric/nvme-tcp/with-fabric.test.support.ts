/** An embedded array and a host of some reactors in one simulated world, for tests of the initiator. */
import assert from 'node:assert/strict';
import { EmbeddedArray } from '../../array/array.ts';
import type { ArrayOptions } from '../../array/config.ts';
import { type Op, op } from '../../block/request.ts';
import type { CausewayError } from '../../base/errors.ts';
import type { SimIo } from '../../io/sim/sim-io.ts';
import { World } from '../../io/sim/world.ts';
import { Part, type PartOwner } from '../contract.ts';
import type { Association, AssociationListener, AssociationOptions, AssociationState } from './association.ts';
import { FabricLead } from './lead.ts';
import type { Access, FenceKind, PathInfo, ToLead, ToReactor } from './messages.ts';
import type { RefusedNamespace } from './namespace-scan.ts';
import type { NvmePath } from './nvme-path.ts';
import { FabricReactor, type PathListener } from './reactor-side.ts';

export const subnqn = 'nqn.2026-11.io.causeway:array';
export const hostnqn = 'nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555';
export const hostid = '11111111222233334444555555555555';
const volumeBytes = 16 * 2 ** 20;

export const portAddress = (portid: number): { host: string; port: number } => ({
  host: `10.0.0.${portid}`,
  port: 4420,
});

/** One reactor of the host: its paths by id, and what it heard. */
export class TestReactor implements PathListener, PartOwner {
  readonly io: SimIo;
  readonly side: FabricReactor;
  readonly paths = new Map<string, { path: NvmePath; info: PathInfo; access: Access }>();
  readonly gone: string[] = [];
  readonly lost: string[] = [];
  readonly fenced: { controller: number; epoch: number; how: FenceKind }[] = [];
  readonly ended: Part[] = [];
  #parts = 0;

  constructor(io: SimIo, post: (message: ToLead) => void) {
    this.io = io;
    this.side = new FabricReactor(io, { post }, this);
  }

  onPath(path: NvmePath, info: PathInfo, access: Access): void {
    this.paths.set(path.id, { path, info, access });
  }
  onPathLost(path: NvmePath): void {
    this.lost.push(path.id);
  }
  onPathGone(path: NvmePath): void {
    this.gone.push(path.id);
    this.paths.delete(path.id);
  }
  onFenced(controller: number, epoch: number, how: FenceKind): void {
    this.fenced.push({ controller, epoch, how });
  }
  onPart(part: Part): void {
    this.ended.push(part);
  }

  path(portid: number, nsid = 1): NvmePath {
    const known = this.paths.get(`10.0.0.${portid}:4420/${nsid}`);
    assert.ok(known !== undefined, `port ${portid} leads to no namespace ${nsid}`);
    return known.path;
  }

  /** Makes a part with a buffer of its own and submits it. */
  submit(
    path: NvmePath,
    operation: Op,
    offset: number,
    length: number,
    payload: Uint8Array | null = null,
    flags = 0,
  ): Part {
    const part = new Part(this.#parts);
    this.#parts += 1;
    part.op = operation;
    part.offset = offset;
    part.length = length;
    part.flags = flags;
    part.owner = this;
    const moves = operation === op.read || operation === op.write;
    part.buffer = moves ? this.io.memory.allocate(length, 4096) : 0;
    if (payload !== null) this.io.memory.u8.set(payload, part.buffer);
    assert.ok(path.open && path.hasRoom, 'the path takes no part');
    path.submit(part);
    return part;
  }

  /** Gives the buffers of all parts back; all have ended. */
  freeParts(): void {
    for (const part of this.ended) if (part.buffer !== 0) this.io.memory.free(part.buffer);
    this.ended.length = 0;
  }

  hasEnded(part: Part): boolean {
    return this.ended.includes(part);
  }

  payload(part: Part): Uint8Array {
    return this.io.memory.u8.slice(part.buffer, part.buffer + part.length);
  }
}

export class TestFabric implements AssociationListener {
  readonly world: World;
  readonly array: EmbeddedArray;
  readonly arrayIo: SimIo;
  readonly reactors: TestReactor[] = [];
  readonly lead: FabricLead;
  readonly states: string[] = [];
  readonly errors: CausewayError[] = [];
  readonly fences: { number: number; epoch: number; how: FenceKind }[] = [];
  readonly namespaces = new Map<number, readonly (PathInfo | RefusedNamespace)[]>();

  constructor(seed: number, reactors: number, options: ArrayOptions) {
    this.world = new World({ seed, memoryBytes: 160 * 2 ** 20 });
    this.arrayIo = this.world.io('array');
    this.array = new EmbeddedArray(this.arrayIo, {
      ports: [{ address: portAddress(1) }, { address: portAddress(2) }],
      volumes: [{ name: 'one', sizeBytes: volumeBytes }],
      subnqn,
      ...options,
    });
    const ios: SimIo[] = [];
    for (let i = 0; i < reactors; i += 1) ios.push(this.world.io(`host${i}`));
    const first = ios[0]!;
    this.lead = new FabricLead(first, {
      reactors,
      post: (reactor: number, message: ToReactor) => {
        const io = ios[reactor]!;
        // What crosses threads is a copy.
        const copy = structuredClone(message);
        io.later({ run: () => this.reactors[reactor]?.side.onMessage(copy) });
      },
    });
    ios.forEach((io, reactor) => {
      const post = (message: ToLead): void => {
        const copy = structuredClone(message);
        first.later({ run: () => this.lead.onMessage(reactor, copy) });
      };
      this.reactors.push(new TestReactor(io, post));
    });
  }

  get reactor(): TestReactor {
    return this.reactors[0]!;
  }

  onState(association: Association, state: AssociationState, error: CausewayError | null): void {
    this.states.push(`${association.number}:${state}`);
    if (error !== null) this.errors.push(error);
  }
  onNamespaces(association: Association, namespaces: readonly (PathInfo | RefusedNamespace)[]): void {
    this.namespaces.set(association.number, namespaces);
  }
  onFenced(association: Association, epoch: number, how: FenceKind): void {
    this.fences.push({ number: association.number, epoch, how });
  }

  add(portid: number, options: Partial<AssociationOptions> = {}): Association {
    const association = this.lead.add({ address: portAddress(portid), subnqn, hostnqn, hostid, ...options }, this);
    association.start();
    return association;
  }

  /** An association that is live, its paths known to every reactor that has a queue. */
  async live(portid: number, options: Partial<AssociationOptions> = {}): Promise<Association> {
    const association = this.add(portid, options);
    const error = await this.world.drive(association.attempted);
    assert.equal(error, null);
    await this.world.run({ until: () => this.reactor.paths.size > 0 });
    return association;
  }

  async ended(reactor: TestReactor, parts: readonly Part[]): Promise<void> {
    await this.world.run({ until: () => parts.every((part) => reactor.hasEnded(part)) });
  }

  async close(): Promise<void> {
    for (const association of Array.from(this.lead.associations)) await this.world.drive(this.lead.remove(association));
    await this.world.drive(this.array.close());
  }
}

/** Runs `play` with an array that listens and a host of `reactors` reactors; everything is closed afterwards. */
export async function withFabric(
  seed: number,
  reactors: number,
  options: ArrayOptions,
  play: (fabric: TestFabric) => Promise<void>,
): Promise<void> {
  const fabric = new TestFabric(seed, reactors, options);
  await fabric.world.drive(fabric.array.listen());
  const taken = fabric.reactors.map(({ io }) => io.memory.takenBytes);
  try {
    await play(fabric);
    await fabric.close();
    for (const reactor of fabric.reactors) reactor.freeParts();
    assert.deepEqual(
      fabric.reactors.map(({ io }) => io.memory.takenBytes),
      taken,
      'the fabric lost memory',
    );
  } catch (error) {
    if (error instanceof Error) error.message += ` (seed ${seed}; ${fabric.states.join(' ')})`;
    throw error;
  }
}

export function pattern(length: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (salt * 0x9e37_79b9 + 1) >>> 0;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

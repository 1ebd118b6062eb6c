/** An array and a stranger's host in one simulated world, for tests. */
import assert from 'node:assert/strict';
import type { ConnectionOptions } from '../fabric/nvme-tcp/connection.ts';
import type { Address, Io } from '../io/contract.ts';
import { World } from '../io/sim/world.ts';
import { EmbeddedArray } from './array.ts';
import type { ArrayOptions } from './config.ts';
import { RawQueue, type RawConnectOptions } from './raw-host.test.support.ts';

export interface Scene {
  readonly world: World;
  readonly array: EmbeddedArray;
  /** The host's reactor. */
  readonly host: Io;
  /** An enabled controller's admin queue on the first port. */
  readonly admin: RawQueue;
  /** Opens an I/O queue of that controller. */
  readonly io: (options?: RawConnectOptions & { readonly qid?: number }) => Promise<RawQueue>;
  /** Opens a connection to a port, without any command. */
  readonly open: (portid?: number, options?: ConnectionOptions) => Promise<RawQueue>;
  /** Opens an enabled controller on a port; its id is in `cntlid`. */
  readonly controller: (
    portid: number,
    options?: RawConnectOptions,
  ) => Promise<{ readonly admin: RawQueue; readonly cntlid: number }>;
  readonly cntlid: number;
}

export interface SceneOptions extends ArrayOptions {
  readonly seed: number;
  readonly connection?: ConnectionOptions;
  readonly connect?: RawConnectOptions;
}

const address = (portid: number): Address => ({ host: `10.0.0.${portid}`, port: 4420 });

/** A world in which an array listens on two ports and serves one memory volume of 16 MiB, unless `options` say else. */
export async function withArray(options: SceneOptions, scene: (scene: Scene) => Promise<void>): Promise<void> {
  const { seed, connection, connect, ...config } = options;
  const world = new World({ seed, memoryBytes: 128 * 2 ** 20 });
  const array = new EmbeddedArray(world.io('array'), {
    ports: [{ address: address(1) }, { address: address(2) }],
    volumes: [{ name: 'one', sizeBytes: 16 * 2 ** 20 }],
    ...config,
  });
  const host = world.io('host');
  const open = async (portid = 1, more: ConnectionOptions = {}): Promise<RawQueue> => {
    const queue = new RawQueue(host, { ...connection, ...more });
    await queue.open(address(portid));
    return queue;
  };
  const controller = async (portid: number, more: RawConnectOptions = {}): ReturnType<Scene['controller']> => {
    const admin = await open(portid);
    const { status, dw0 } = await admin.connectQueue(0, { ...connect, ...more });
    assert.equal(status, 0, 'the admin queue could not be connected');
    await admin.enable();
    return { admin, cntlid: dw0 & 0xffff };
  };
  const play = async (): Promise<void> => {
    await array.listen();
    const { admin, cntlid } = await controller(1);
    const io: Scene['io'] = async (more = {}) => {
      const queue = await open(1);
      const { status } = await queue.connectQueue(more.qid ?? 1, { ...connect, cntlid, ...more });
      assert.equal(status, 0, 'the I/O queue could not be connected');
      return queue;
    };
    await scene({ world, array, host, admin, cntlid, open, controller, io });
    await array.close();
    const { buffersInUse, controllers, ghosts } = array.stats;
    assert.deepEqual({ buffersInUse, controllers, ghosts }, { buffersInUse: 0, controllers: [], ghosts: 0 });
  };
  await world.drive(play(), 10 * 60_000);
}

/** Bytes that differ from place to place and from `salt` to `salt`. */
export function pattern(length: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = salt * 0x9e37_79b9 + 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

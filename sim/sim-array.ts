/** The array of a run: the embedded one, unchanged, that can also be restarted, and made to misbehave on its wires. */
import { EmbeddedArray } from '../src/array/array.ts';
import type { VolumeConfig } from '../src/array/config.ts';
import type { ArrayFaults } from '../src/array/faults.ts';
import { Port } from '../src/array/port.ts';
import type { Random } from '../src/base/random.ts';
import type { DhchapSecrets } from '../src/fabric/nvme-tcp/auth/secret.ts';
import type { Connection } from '../src/fabric/nvme-tcp/connection.ts';
import { writeR2t } from '../src/fabric/nvme-tcp/pdu.ts';
import type { Address, Deferred, Io } from '../src/io/contract.ts';
import type { SimIo } from '../src/io/sim/sim-io.ts';
import type { World } from '../src/io/sim/world.ts';
import { replace } from './replace.ts';
import type { Scenario } from './scenario.ts';

export const subnqn = 'nqn.2026-11.io.causeway:array';
export const hostnqn = 'nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555';
/** Of host and array, where they have to prove themselves. */
export const secrets: DhchapSecrets = {
  host: { transform: 1, key: new Uint8Array(32).fill(1) },
  controller: { transform: 2, key: new Uint8Array(48).fill(2) },
};
const arrayBytes = 48 * 2 ** 20;
const r2tBytes = 24;
/** No host numbers its commands like this. */
const nobodysCommand = 0xfffe;
/** Of a termination request: "invalid PDU header field". */
const invalidField = 1;

export const portAddress = (portid: number): Address => ({ host: `10.0.0.${portid}`, port: 4420 });

/** What the wires of an array can do that no command of `array.faults` makes it do. */
const portsByArray = new Map<Io, Map<number, Port>>();
replace(
  Port.prototype,
  'onAccepted',
  (onAccepted) =>
    function seen(this: Port, socket) {
      portsByArray.get(this.subsystem.io)?.set(this.portid, this);
      return onAccepted.call(this, socket);
    },
);

export class SimArray {
  array: EmbeddedArray;
  io: SimIo;
  /** That the volume has; it only grows. */
  blocks: number;
  ghostsMade = 0;
  ghostsExecuted = 0;
  readonly #world: World;
  readonly #scenario: Scenario;
  #ports = new Map<number, Port>();
  #lives = 1;
  /** It listens, or will soon: faults may be given to it. */
  #up = true;
  /** Resolves when this machine dies: nothing that was asked of it will ever be answered. */
  #died: Deferred<void>;
  /** The one who has the array to himself, or the last of those. */
  #last: Promise<void> = Promise.resolve();

  constructor(world: World, scenario: Scenario) {
    this.#world = world;
    this.#scenario = scenario;
    this.blocks = scenario.load.blocks;
    this.io = world.io('array', arrayBytes);
    this.array = this.#make();
    this.#died = this.io.deferred<void>();
  }

  /** Does something to the array, if it is there. */
  withFaults(act: (faults: ArrayFaults) => void): void {
    if (this.#up) act(this.array.faults);
  }

  /** As `withFaults`, for what takes time. */
  async order(act: (faults: ArrayFaults) => Promise<void>): Promise<void> {
    if (this.#up) await Promise.race([act(this.array.faults), this.#died.promise]);
  }

  /** For what needs the whole array for a while: one after the other. */
  async exclusively(act: (array: EmbeddedArray) => Promise<void>): Promise<void> {
    const before = this.#last;
    const mine = this.io.deferred<void>();
    this.#last = mine.promise;
    await before;
    try {
      await act(this.array);
    } finally {
      mine.resolve();
    }
  }

  /** Ends a controller of a port; returns which, null if there is none. */
  endController(portid: number, random: Random): number | null {
    if (!this.#up) return null;
    const there = this.array.stats.controllers.filter((one) => one.portid === portid && !one.ended);
    const one = there.length === 0 ? undefined : there[random.below(there.length)];
    if (one === undefined) return null;
    this.array.faults.endController(one.cntlid);
    return one.cntlid;
  }

  get volume(): VolumeConfig {
    const { load, array } = this.#scenario;
    const { blockBytes } = load;
    return { nsid: 1, name: 'one', sizeBytes: this.blocks * blockBytes, blockBytes, deallocate: array.deallocate };
  }

  #make(): EmbeddedArray {
    const { array, ports, authentication: group } = this.#scenario;
    const { mdtsBytes, inCapsuleBytes, maxQueueEntries, maxr2t, r2tBytes: grain } = array;
    portsByArray.set(this.io, this.#ports);
    return new EmbeddedArray(this.io, {
      subnqn,
      ports: Array.from({ length: ports }, (_unused, index) => ({ address: portAddress(index + 1) })),
      volumes: [this.volume],
      dhchap: group === null ? null : { hosts: [{ hostnqn, secrets }], hash: 'sha256', group, discovery: false },
      cqt: array.cqt,
      ccrl: array.ccrl,
      kas: array.kas,
      tbkas: array.tbkas,
      volatileWriteCache: array.volatileCache,
      c2hSuccess: array.c2hSuccess,
      limits: { mdtsBytes, inCapsuleBytes, maxQueueEntries, maxr2t, r2tBytes: grain, maxNamespaces: 4, maxIoQueues: 8 },
      bufferClasses: [
        { bytes: 8192, count: 256 },
        { bytes: 65_536, count: 64 },
      ],
      capsuleBuffers: 256,
      receiveBytes: 16_384,
      anaGroups: 1,
    });
  }

  /** Opens the ports. */
  async listen(): Promise<void> {
    await this.array.listen();
    this.makeGhosts();
  }

  #count(): void {
    const { ghostsMade, ghostsExecuted } = this.array.stats;
    this.ghostsMade += ghostsMade;
    this.ghostsExecuted += ghostsExecuted;
  }

  /** Closes in order and starts anew: controllers and ghosts are gone, volumes keep what they hold. */
  async restart(pause: number): Promise<void> {
    await this.exclusively(async () => {
      this.#up = false;
      this.#count();
      await this.array.close();
      await this.io.sleep(pause);
      await this.#begin();
    });
  }

  /** The machine of the array loses its memory: no connection is told in order, what waited is gone. */
  async crash(pause: number, clock: SimIo): Promise<void> {
    await this.exclusively(async () => {
      this.#up = false;
      this.#count();
      this.io.kill();
      portsByArray.delete(this.io);
      this.#died.resolve();
      await clock.sleep(pause);
      this.#lives += 1;
      this.#ports = new Map();
      this.io = this.#world.io(`array${this.#lives}`, arrayBytes);
      this.#died = this.io.deferred<void>();
      await this.#begin();
    });
  }

  async #begin(): Promise<void> {
    this.array = this.#make();
    await this.array.listen();
    this.makeGhosts();
    this.#up = true;
  }

  /** How late each port executes the writes of dead connections: within what the array promises. */
  makeGhosts(): void {
    for (const { portid, milliseconds, onReset } of this.#scenario.ghosts) {
      this.array.faults.ghostWrites(portid, { milliseconds, onReset });
    }
  }

  /** Every fault that was given to it is lifted. */
  async calm(): Promise<void> {
    await this.exclusively(async ({ faults }) => {
      for (const { portid } of this.#scenario.ghosts) {
        faults.delayExecution(portid, { milliseconds: 0 });
        faults.delayAnswers(portid, 0);
        faults.forceStatus(portid, 0, 0);
        faults.hangCommands(portid, 0);
        faults.corruptDigests(portid, 'header', 0);
        faults.corruptDigests(portid, 'data', 0);
        faults.setAna(portid, 1, 'optimized');
        await faults.openPort(portid);
      }
    });
  }

  async close(): Promise<void> {
    this.#count();
    await this.array.close();
    portsByArray.delete(this.io);
  }

  /** The array ends the I/O connections of a port with a termination request. */
  terminate(portid: number): number {
    return this.#eachIoQueue(portid, (connection) => connection.terminate(invalidField, 0));
  }

  /** The array asks for the data of a command that nobody sent. */
  talkNonsense(portid: number): number {
    const { view } = this.io.memory;
    return this.#eachIoQueue(portid, (connection) => {
      const at = connection.reserve(r2tBytes);
      if (at < 0) return;
      writeR2t(view, at, connection.digests, nobodysCommand, 0, 0, 4);
      connection.queue(at);
    });
  }

  #eachIoQueue(portid: number, act: (connection: Connection) => void): number {
    let count = 0;
    for (const queue of this.#ports.get(portid)?.queues ?? []) {
      if (queue.qid <= 0 || !queue.connection.ready) continue;
      act(queue.connection);
      count += 1;
    }
    return count;
  }
}

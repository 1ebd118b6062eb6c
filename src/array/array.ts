/**
 * The embedded storage array: an NVMe/TCP target in its own right. It runs on one reactor.
 *
 *   const array = new EmbeddedArray(io, { ports: [{ address: { host: '127.0.0.1', port: 4420 } }],
 *                                         volumes: [{ name: 'one', sizeBytes: 2 ** 30 }] });
 *   await array.listen();
 *   …
 *   await array.close();
 *
 * `array.faults` makes it go wrong in every way that hosts have to survive.
 */
import { assert } from '../base/assert.ts';
import type { Authenticated } from '../fabric/nvme-tcp/auth/host-side.ts';
import type { Address, Io } from '../io/contract.ts';
import { AdminHandler } from './admin-handler.ts';
import type { AnaState } from './ana.ts';
import { type ArrayConfig, type ArrayOptions, completeConfig } from './config.ts';
import { ConnectHandler } from './connect-handler.ts';
import type { ControllerKind, HostName } from './controller.ts';
import { ArrayFaults } from './faults.ts';
import { IoHandler } from './io-handler.ts';
import { Port } from './port.ts';
import { type Counters, Subsystem } from './subsystem.ts';

export interface VolumeStats {
  readonly nsid: number;
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly readOnly: boolean;
  /** Bytes that really take space; null for a file. */
  readonly allocatedBytes: number | null;
}

export interface PortStats {
  readonly portid: number;
  readonly address: Address;
  readonly open: boolean;
  readonly connections: number;
  /** State of each ANA group, from group 1 on. */
  readonly ana: readonly AnaState[];
}

export interface ControllerStats {
  readonly cntlid: number;
  readonly portid: number;
  readonly kind: ControllerKind;
  readonly host: HostName;
  /** How the host proved itself; null: it did not have to. */
  readonly authenticated: Authenticated | null;
  readonly ioQueues: number;
  /** Ended, but something of it may still be executed. */
  readonly ended: boolean;
}

export interface ArrayStats extends Readonly<Counters> {
  readonly volumes: readonly VolumeStats[];
  readonly ports: readonly PortStats[];
  readonly controllers: readonly ControllerStats[];
  /** Writes that will be executed although their connection is dead. */
  readonly ghosts: number;
  /** Payload buffers in use. */
  readonly buffersInUse: number;
}

export class EmbeddedArray {
  readonly config: ArrayConfig;
  readonly faults: ArrayFaults;
  readonly #subsystem: Subsystem;
  #closed = false;

  /** Takes the array's memory. @throws CausewayError `invalid-argument`, `out-of-memory` */
  constructor(io: Io, options: ArrayOptions) {
    this.config = completeConfig(options);
    this.#subsystem = new Subsystem(io, this.config);
    this.faults = new ArrayFaults(this.#subsystem);
    const connect = new ConnectHandler({ admin: new AdminHandler(), io: new IoHandler() });
    this.config.ports.forEach((port, index) => {
      this.#subsystem.ports.push(new Port(this.#subsystem, port, port.portid ?? index + 1, connect));
    });
  }

  /**
   * Opens the volumes, then the ports. What was opened is closed again if anything fails.
   * @throws CausewayError `address-in-use`, `address-not-available`, `file-open`, `invalid-argument`, `out-of-memory`
   */
  async listen(): Promise<void> {
    assert(!this.#closed, 'an array is opened that was closed');
    try {
      for (const volume of this.config.volumes) await this.#subsystem.addVolume(volume);
      for (const port of this.#subsystem.ports) await port.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Cuts all connections, ends ghosts, waits for what executes, closes the volumes and gives the memory back. The array
   * is of no use afterwards. Harmless when repeated.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const subsystem = this.#subsystem;
    for (const port of subsystem.ports) {
      // What faults hold back would be waited for below.
      port.faults.ghostDelay = -1;
      await port.close();
    }
    for (const controller of subsystem.controllers.values()) controller.crossReset(() => undefined);
    for (const port of subsystem.ports) await port.drained();
    for (const { nsid } of subsystem.volumes()) await subsystem.removeVolume(nsid);
    subsystem.close();
  }

  /** Where each port listens, by port id. */
  get addresses(): ReadonlyMap<number, Address> {
    return new Map(this.#subsystem.ports.map((port) => [port.portid, port.address]));
  }

  /** Control: it may look at every page of a memory volume. */
  get stats(): ArrayStats {
    const subsystem = this.#subsystem;
    return {
      ...subsystem.stats,
      volumes: subsystem.volumes().map((volume) => ({
        nsid: volume.nsid,
        name: volume.name,
        sizeBytes: volume.sizeBytes,
        blockBytes: volume.blockBytes,
        readOnly: volume.readOnly,
        allocatedBytes: volume.allocatedBytes(),
      })),
      ports: subsystem.ports.map((port) => ({
        portid: port.portid,
        address: port.address,
        open: port.open,
        connections: port.queues.size,
        ana: Array.from({ length: port.ana.groups }, (_, index) => port.ana.of(index + 1)),
      })),
      controllers: [...subsystem.controllers.values()].map((controller) => ({
        cntlid: controller.cntlid,
        portid: controller.port.portid,
        kind: controller.kind,
        host: controller.host,
        authenticated: controller.authenticated,
        ioQueues: controller.ioQueuesOpen,
        ended: controller.ended,
      })),
      ghosts: subsystem.ports.reduce((sum, port) => sum + port.faults.ghosts.size, 0),
      buffersInUse: subsystem.buffers.inUse + subsystem.capsuleBuffers.inUse,
    };
  }
}

/**
 * The NVM subsystem: what all ports and controllers of the array share.
 */
import type { Io } from '../io/contract.ts';
import { BufferPool } from './buffers.ts';
import type { ArrayConfig, VolumeConfig } from './config.ts';
import { Controller, type ControllerKind, type HostName } from './controller.ts';
import { Health } from './health.ts';
import type { Port } from './port.ts';
import { eventKind } from './async-events.ts';
import { CausewayError } from '../base/errors.ts';
import { cntlidMax } from '../fabric/nvme-tcp/constants.ts';
import { Volume } from './volume.ts';

/** What happened since the array was made. Counters only grow. */
export interface Counters {
  commands: number;
  /** Connections accepted. */
  connections: number;
  /** How often a command had to wait for a buffer. */
  bufferWaits: number;
  ghostsMade: number;
  ghostsExecuted: number;
  controllersMade: number;
  /** Controllers that ended because their host was not heard of. */
  keepAliveExpiries: number;
  crossControllerResets: number;
  /** Queues that were authenticated, and those that were not because it failed. */
  authentications: number;
  authenticationsRefused: number;
}

export class Subsystem {
  readonly io: Io;
  readonly config: ArrayConfig;
  readonly buffers: BufferPool;
  /** For data that comes in capsules on I/O queues: see `Queue`. */
  readonly capsuleBuffers: BufferPool;
  readonly stats: Counters = {
    commands: 0,
    connections: 0,
    bufferWaits: 0,
    ghostsMade: 0,
    ghostsExecuted: 0,
    controllersMade: 0,
    keepAliveExpiries: 0,
    crossControllerResets: 0,
    authentications: 0,
    authenticationsRefused: 0,
  };
  /** What its SMART log says. */
  readonly health = new Health();
  readonly ports: Port[] = [];
  /** By controller id; also those that ended and have commands left that may still execute. */
  readonly controllers = new Map<number, Controller>();
  /** By nsid. Data path. */
  readonly #volumes: (Volume | null)[];
  /** GENCTR of the discovery log. */
  discoveryGeneration = 1n;
  #lastCntlid = 0;

  constructor(io: Io, config: ArrayConfig) {
    this.io = io;
    this.config = config;
    this.buffers = new BufferPool(io, config.bufferClasses);
    const capsule = Math.max(1, Math.ceil(config.limits.inCapsuleBytes / 4096)) * 4096;
    this.capsuleBuffers = new BufferPool(io, [{ bytes: capsule, count: config.capsuleBuffers }]);
    this.#volumes = new Array<Volume | null>(config.limits.maxNamespaces + 1).fill(null);
  }

  /** The namespace, null if there is none. Data path. */
  volume(nsid: number): Volume | null {
    return nsid < this.#volumes.length ? (this.#volumes[nsid] ?? null) : null;
  }

  /** All namespaces, by ascending nsid. */
  volumes(): Volume[] {
    return this.#volumes.filter((volume) => volume !== null);
  }

  /** Acknowledged writes may be lost until they are flushed. */
  get hasWriteCache(): boolean {
    return this.config.volatileWriteCache || this.volumes().some((volume) => volume.needsFlush);
  }

  /** @throws CausewayError `invalid-argument`, `out-of-memory`, `file-open` */
  async addVolume(wanted: VolumeConfig): Promise<Volume> {
    const { maxNamespaces } = this.config.limits;
    let nsid = wanted.nsid ?? 1;
    if (wanted.nsid === undefined) while (nsid <= maxNamespaces && this.#volumes[nsid] !== null) nsid += 1;
    if (nsid > maxNamespaces)
      throw new CausewayError('invalid-argument', `The array is full: ${maxNamespaces} volumes.`);
    const taken = (): boolean =>
      this.#volumes[nsid] !== null || this.volumes().some(({ name }) => name === wanted.name);
    const refuse = (): CausewayError =>
      new CausewayError('invalid-argument', `The array has a volume ${nsid} or one named "${wanted.name}" already.`);
    if (taken()) throw refuse();
    const volume = await Volume.open(this.io, this.config, wanted, nsid);
    if (taken()) {
      await volume.close();
      throw refuse();
    }
    this.#volumes[nsid] = volume;
    this.volumeChanged(nsid);
    return volume;
  }

  /** Commands find the volume no more; resolves when those under way are done and it is closed. */
  async removeVolume(nsid: number): Promise<void> {
    const volume = this.volume(nsid);
    if (volume === null) throw new CausewayError('invalid-argument', `The array has no volume ${nsid}.`);
    this.#volumes[nsid] = null;
    volume.removed = true;
    this.volumeChanged(nsid);
    if (volume.inFlight > 0) {
      const idle = this.io.deferred<void>();
      volume.onIdle = () => idle.resolve();
      await idle.promise;
    }
    await volume.close();
  }

  /** Tells all hosts that something about a namespace changed. */
  volumeChanged(nsid: number): void {
    for (const controller of this.controllers.values()) controller.namespaceChanged(nsid);
  }

  /** Tells all hosts that the discovery log changed. */
  discoveryChanged(): void {
    this.discoveryGeneration += 1n;
    for (const controller of this.controllers.values()) {
      if (controller.kind === 'discovery') controller.events.raise(eventKind.discovery);
    }
  }

  /** A new controller for a host, null if there are too many. */
  newController(port: Port, kind: ControllerKind, host: HostName, kato: number): Controller | null {
    if (this.controllers.size >= this.config.limits.maxControllers) return null;
    // Ids go round, so that one is used again as late as possible.
    do {
      this.#lastCntlid = this.#lastCntlid >= cntlidMax ? 1 : this.#lastCntlid + 1;
    } while (this.controllers.has(this.#lastCntlid));
    const controller = new Controller(this, port, this.#lastCntlid, kind, host, kato);
    this.controllers.set(controller.cntlid, controller);
    this.stats.controllersMade += 1;
    return controller;
  }

  /** Gives the buffers' memory back. Nothing may be under way. */
  close(): void {
    this.buffers.close();
    this.capsuleBuffers.close();
  }

  /** A controller ended and nothing of it is left. */
  controllerGone(controller: Controller): void {
    this.controllers.delete(controller.cntlid);
  }
}

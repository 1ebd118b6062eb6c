/**
 * Faults on command: everything that can be made to go wrong with an array while it runs. Ports are named by their
 * portid, volumes by their nsid. A name that does not exist is refused with `invalid-argument`.
 */
import { CausewayError } from '../base/errors.ts';
import type { AnaState } from './ana.ts';
import { eventKind } from './async-events.ts';
import type { VolumeConfig } from './config.ts';
import type { Controller } from './controller.ts';
import type { Port } from './port.ts';
import type { Subsystem } from './subsystem.ts';
import type { Volume } from './volume.ts';

export interface DelayOptions {
  /** Milliseconds; 0 = not any more, Infinity = until this is changed. */
  readonly milliseconds: number;
  /** Before they are executed: only commands that change data. */
  readonly writesOnly?: boolean;
}

export interface GhostOptions {
  /** Milliseconds from the death of the connection to the execution; null = ghosts no more. */
  readonly milliseconds: number | null;
  /** What a reset of their controller does to ghosts: end them (default), or let them run as its last act. */
  readonly onReset?: 'drop' | 'run';
}

export class ArrayFaults {
  readonly #subsystem: Subsystem;

  constructor(subsystem: Subsystem) {
    this.#subsystem = subsystem;
  }

  // Ports

  /** Closes a port: all its connections get RST, new ones are refused by the network. */
  async closePort(portid: number): Promise<void> {
    await this.#port(portid).close();
  }

  /** Opens a port again that was closed, refused or swallowed. @throws CausewayError `address-in-use` */
  async openPort(portid: number): Promise<void> {
    const port = this.#port(portid);
    port.faults.refusing = false;
    port.faults.blackhole = false;
    port.faults.changed();
    await port.listen();
  }

  /** Cuts the connections of a port (RST); it goes on listening. */
  cutPort(portid: number): void {
    this.#port(portid).abortAll();
  }

  /** New connections of a port are accepted and closed at once; those that are there live on. */
  refusePort(portid: number): void {
    const { faults } = this.#port(portid);
    faults.refusing = true;
    faults.changed();
  }

  /** A port swallows everything: connections stay open, nothing that arrives is seen, nothing is answered. */
  swallowPort(portid: number): void {
    const { faults } = this.#port(portid);
    faults.blackhole = true;
    faults.changed();
  }

  /** Answers of a port, of all its queues, are given late; the commands are executed at once. */
  delayAnswers(portid: number, milliseconds: number): void {
    const { faults } = this.#port(portid);
    faults.answers.milliseconds = milliseconds;
    faults.changed();
  }

  /**
   * I/O commands of a port are executed late. When their connection dies meanwhile they are dropped, unless
   * `ghostWrites` says otherwise.
   */
  delayExecution(portid: number, options: DelayOptions): void {
    const { faults } = this.#port(portid);
    faults.executionOfWritesOnly = options.writesOnly ?? false;
    faults.execution.milliseconds = options.milliseconds;
    faults.changed();
  }

  /**
   * Commands that change data, and whose connection dies while `delayExecution` holds them, are executed so much later
   * all the same: ghosts. Whether that is within what the array promised (CQT) is the caller's choice.
   */
  ghostWrites(portid: number, options: GhostOptions): void {
    const { faults } = this.#port(portid);
    faults.ghostDelay = options.milliseconds ?? -1;
    faults.ghostsRunOnReset = options.onReset === 'run';
    faults.changed();
  }

  /** The next `count` I/O commands of a port are not executed but answered with this status (SCT << 8 | SC). */
  forceStatus(portid: number, count: number, status: number): void {
    const { faults } = this.#port(portid);
    faults.forcedCount = count;
    faults.forcedStatus = status;
    faults.changed();
  }

  /**
   * The next `count` I/O commands of a port are neither executed nor answered; other commands go on. One ends when it is
   * aborted; should its connection end before, it is dropped, or becomes a ghost as `ghostWrites` says. 0: no more hang,
   * and those that do are executed now.
   */
  hangCommands(portid: number, count: number): void {
    const { faults } = this.#port(portid);
    faults.hangCount = count;
    if (count === 0) faults.hung.releaseAll();
    faults.changed();
  }

  /** The next `count` PDUs of this kind that a port sends with a digest get a wrong one. */
  corruptDigests(portid: number, which: 'header' | 'data', count: number): void {
    const { faults } = this.#port(portid);
    if (which === 'header') faults.wrongHeaderDigests = count;
    else faults.wrongDataDigests = count;
    faults.changed();
  }

  /** Changes the state of an ANA group on a port; its hosts are told. */
  setAna(portid: number, anagrpid: number, state: AnaState): void {
    const port = this.#port(portid);
    if (!Number.isInteger(anagrpid) || anagrpid < 1 || anagrpid > port.ana.groups) {
      throw new CausewayError('invalid-argument', `The array has no ANA group ${anagrpid}.`);
    }
    const wasLost = port.ana.of(anagrpid) === 'persistent-loss';
    if (!port.ana.set(anagrpid, state)) return;
    // What Identify says of its namespaces changes back with it: while they were lost, their capacity was not known.
    const shown = wasLost ? this.#subsystem.volumes().filter((volume) => volume.anagrpid === anagrpid) : [];
    for (const controller of this.#subsystem.controllers.values()) {
      if (controller.port !== port || controller.kind !== 'io') continue;
      controller.events.raise(eventKind.ana);
      for (const { nsid } of shown) controller.namespaceChanged(nsid);
    }
  }

  // Controllers

  /** Ends a controller with all its connections. */
  endController(cntlid: number): void {
    this.#controller(cntlid).end();
  }

  /**
   * The write cache of a controller, or of all of them, fails: what it acknowledged and nobody flushed is gone. Works for
   * controllers that ended as well. Resolves when the old data is back.
   */
  async loseCache(cntlid: number | 'all'): Promise<void> {
    const losses = this.#subsystem
      .volumes()
      .map(async ({ cache }) => (cntlid === 'all' ? cache?.loseAll() : cache?.lose(cntlid)));
    await Promise.all(losses);
  }

  // Volumes

  /** Adds a volume; hosts are told. Returns its nsid. */
  async addVolume(volume: VolumeConfig): Promise<number> {
    return (await this.#subsystem.addVolume(volume)).nsid;
  }

  /** Takes a volume away; hosts are told. What a memory volume held stays under its name until the process ends. */
  async removeVolume(nsid: number): Promise<void> {
    await this.#subsystem.removeVolume(nsid);
  }

  /** Changes the size of a volume; hosts are told. */
  resizeVolume(nsid: number, sizeBytes: number): void {
    this.#volume(nsid).resize(sizeBytes);
    this.#subsystem.volumeChanged(nsid);
  }

  /** Changes the write protection of a volume; hosts are told. */
  setReadOnly(nsid: number, readOnly: boolean): void {
    this.#volume(nsid).readOnly = readOnly;
    this.#subsystem.volumeChanged(nsid);
  }

  #port(portid: number): Port {
    const port = this.#subsystem.ports.find((candidate) => candidate.portid === portid);
    if (port === undefined) throw new CausewayError('invalid-argument', `The array has no port ${portid}.`);
    return port;
  }

  #volume(nsid: number): Volume {
    const volume = this.#subsystem.volume(nsid);
    if (volume === null) throw new CausewayError('invalid-argument', `The array has no volume ${nsid}.`);
    return volume;
  }

  #controller(cntlid: number): Controller {
    const controller = this.#subsystem.controllers.get(cntlid);
    if (controller === undefined) throw new CausewayError('invalid-argument', `The array has no controller ${cntlid}.`);
    return controller;
  }
}

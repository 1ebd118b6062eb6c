/** What an array remembers for its SMART and error logs. */
import { ioOpcode } from '../fabric/nvme-tcp/constants.ts';
import type { ErrorEntry } from '../fabric/nvme-tcp/error-log.ts';
import type { SmartLog } from '../fabric/nvme-tcp/smart-log.ts';
import type { Command } from './command.ts';
import { sc } from './status-codes.ts';

/** Entries of a controller's error log. */
export const mostErrors = 16;
/** A data unit is a thousand blocks of 512 bytes, begun ones counted. */
const dataUnit = 512_000;
const statusMask = 0x7ff;
const pathRelated = 3;
const roomTemperature = 298;
/** No place in the command is known to be at fault. */
const noLocation = 0xffff;

export class Health {
  #reads = 0;
  #writes = 0;
  // Doubles from the start on, so that the fields' representation never changes.
  #readBytes = Number.NaN;
  #writtenBytes = Number.NaN;

  constructor() {
    this.#readBytes = 0;
    this.#writtenBytes = 0;
  }

  /** Data path: a command is carried out. */
  note({ opcode, dataLength }: Command): void {
    if (opcode === ioOpcode.read) {
      this.#reads += 1;
      this.#readBytes += dataLength;
    } else if (opcode === ioOpcode.write) {
      this.#writes += 1;
      this.#writtenBytes += dataLength;
    }
  }

  /** @param errorEntries how many errors the controller has recorded */
  smartLog(errorEntries: number): SmartLog {
    return {
      criticalWarning: 0,
      compositeTemperature: roomTemperature,
      availableSpare: 100,
      availableSpareThreshold: 10,
      percentageUsed: 0,
      dataUnitsRead: BigInt(Math.ceil(this.#readBytes / dataUnit)),
      dataUnitsWritten: BigInt(Math.ceil(this.#writtenBytes / dataUnit)),
      hostReadCommands: BigInt(this.#reads),
      hostWriteCommands: BigInt(this.#writes),
      controllerBusyTime: 0n,
      powerCycles: 1n,
      powerOnHours: 0n,
      unsafeShutdowns: 0n,
      mediaErrors: 0n,
      errorLogEntries: BigInt(errorEntries),
      warningTemperatureTime: 0,
      criticalTemperatureTime: 0,
      temperatureSensors: [],
    };
  }
}

/** The newest errors of a controller. */
export class ErrorLog {
  /** Newest first. */
  readonly entries: ErrorEntry[] = [];
  /** All there ever were. */
  count = 0;

  /**
   * A command ended with this status of the array (status-codes.ts). What speaks of the path, or was asked to end, is no
   * error of the controller.
   */
  add(sqid: number, { cid, offset, volume }: Command, answer: number): void {
    const status = answer & statusMask;
    if (status === 0 || status >>> 8 === pathRelated || status === (sc.abortRequested & statusMask)) return;
    this.count += 1;
    const lba = volume === null ? 0n : BigInt(Math.floor(offset / volume.blockBytes));
    this.entries.unshift({
      errorCount: BigInt(this.count),
      sqid,
      cid,
      status,
      location: noLocation,
      lba,
      nsid: volume?.nsid ?? 0,
    });
    this.entries.length = Math.min(this.entries.length, mostErrors);
  }
}

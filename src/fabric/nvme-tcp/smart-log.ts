/** SMART / Health Information log page, 02h (NVMe Base, "SMART / Health Information"). */
import { requireBytes, zero } from './wire.ts';

export const smartLogBytes = 512;

/** Bits of the critical warning. */
export const criticalWarnings: readonly string[] = [
  'spare-low',
  'temperature',
  'reliability-degraded',
  'read-only',
  'backup-failed',
  'persistent-memory-read-only',
];

/** Fields under the specification's names. 128-bit counters stand as they are. */
export interface SmartLog {
  readonly criticalWarning: number;
  /** Kelvin; 0 = not reported. */
  readonly compositeTemperature: number;
  /** Percent. */
  readonly availableSpare: number;
  readonly availableSpareThreshold: number;
  readonly percentageUsed: number;
  /** Thousands of 512 bytes, rounded up. */
  readonly dataUnitsRead: bigint;
  readonly dataUnitsWritten: bigint;
  readonly hostReadCommands: bigint;
  readonly hostWriteCommands: bigint;
  /** Minutes. */
  readonly controllerBusyTime: bigint;
  readonly powerCycles: bigint;
  /** Hours. */
  readonly powerOnHours: bigint;
  readonly unsafeShutdowns: bigint;
  readonly mediaErrors: bigint;
  readonly errorLogEntries: bigint;
  /** Minutes. */
  readonly warningTemperatureTime: number;
  readonly criticalTemperatureTime: number;
  /** Kelvin, of the sensors that there are, by their number from 1 on; 0 = none. */
  readonly temperatureSensors: readonly number[];
}

const counters = {
  dataUnitsRead: 32,
  dataUnitsWritten: 48,
  hostReadCommands: 64,
  hostWriteCommands: 80,
  controllerBusyTime: 96,
  powerCycles: 112,
  powerOnHours: 128,
  unsafeShutdowns: 144,
  mediaErrors: 160,
  errorLogEntries: 176,
} as const;
const sensors = { at: 200, count: 8 } as const;

function readU128(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true) + (view.getBigUint64(at + 8, true) << 64n);
}

/** @throws CausewayError `nvme-malformed` if it is short */
export function readSmartLog(view: DataView, at: number): SmartLog {
  requireBytes(view, at, smartLogBytes, 'the SMART log');
  const counter = (name: keyof typeof counters): bigint => readU128(view, at + counters[name]);
  return {
    criticalWarning: view.getUint8(at),
    compositeTemperature: view.getUint16(at + 1, true),
    availableSpare: view.getUint8(at + 3),
    availableSpareThreshold: view.getUint8(at + 4),
    percentageUsed: view.getUint8(at + 5),
    dataUnitsRead: counter('dataUnitsRead'),
    dataUnitsWritten: counter('dataUnitsWritten'),
    hostReadCommands: counter('hostReadCommands'),
    hostWriteCommands: counter('hostWriteCommands'),
    controllerBusyTime: counter('controllerBusyTime'),
    powerCycles: counter('powerCycles'),
    powerOnHours: counter('powerOnHours'),
    unsafeShutdowns: counter('unsafeShutdowns'),
    mediaErrors: counter('mediaErrors'),
    errorLogEntries: counter('errorLogEntries'),
    warningTemperatureTime: view.getUint32(at + 192, true),
    criticalTemperatureTime: view.getUint32(at + 196, true),
    temperatureSensors: Array.from({ length: sensors.count }, (_sensor, index) =>
      view.getUint16(at + sensors.at + 2 * index, true),
    ),
  };
}

/** Writes `smartLogBytes` at `at`; counters below 2^64. */
export function writeSmartLog(view: DataView, at: number, log: SmartLog): void {
  zero(view, at, smartLogBytes);
  view.setUint8(at, log.criticalWarning);
  view.setUint16(at + 1, log.compositeTemperature, true);
  view.setUint8(at + 3, log.availableSpare);
  view.setUint8(at + 4, log.availableSpareThreshold);
  view.setUint8(at + 5, log.percentageUsed);
  let name: keyof typeof counters;
  for (name in counters) view.setBigUint64(at + counters[name], log[name], true);
  view.setUint32(at + 192, log.warningTemperatureTime, true);
  view.setUint32(at + 196, log.criticalTemperatureTime, true);
  for (const [index, kelvin] of log.temperatureSensors.entries()) {
    view.setUint16(at + sensors.at + 2 * index, kelvin, true);
  }
}

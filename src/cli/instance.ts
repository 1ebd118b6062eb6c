/** What one process serves under one name: a device, an array, or both. */
import type { Attachment } from '../host/contract.ts';
import type { InstanceKind } from '../host/instance-record.ts';
import type { StatisticsView } from '../host/statistics-view.ts';
import type { DeviceView } from '../host/view.ts';
import type { ArrayView, PortBoard } from './port-board.ts';

export interface Instance {
  readonly name: string;
  readonly kind: InstanceKind;
  readonly attachment: Attachment | null;
  readonly board: PortBoard | null;
  /** ISO 8601. */
  readonly since: string;
  /** The command line that it was started with, without the program. */
  readonly words: readonly string[];
  /** Where: what its words name may be relative to it. */
  readonly directory: string;
}

/** An instance as it is told to other processes: plain data. */
export interface InstanceView {
  readonly name: string;
  readonly kind: InstanceKind;
  readonly pid: number;
  readonly version: string;
  readonly since: string;
  readonly words: readonly string[];
  readonly directory: string;
  readonly device: DeviceView | null;
  /** Of the device, from the same moment; null where it was not asked for. */
  readonly statistics: StatisticsView | null;
  readonly array: ArrayView | null;
}

export function viewInstance(instance: Instance, version: string, withStatistics: boolean): InstanceView {
  return {
    name: instance.name,
    kind: instance.kind,
    pid: process.pid,
    version,
    since: instance.since,
    words: instance.words,
    directory: instance.directory,
    device: instance.attachment?.view() ?? null,
    statistics: withStatistics ? (instance.attachment?.statistics() ?? null) : null,
    array: instance.board?.view() ?? null,
  };
}

/** What each kind of kernel device can do, for `open.ts`, which knows no kind by name. */
import type { FuseTransport, KernelDevice, KernelDeviceKind, KernelGeometry, KernelHost } from './contract.ts';
import type { Places } from './places.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { KeptRecord } from './record.ts';
import type { Traces } from './traces.ts';

/** What is wanted of a device, whatever its kind. */
export interface DeviceOptions {
  readonly name: string;
  /** Identity of the volume, canonical. */
  readonly volume: string;
  readonly geometry: KernelGeometry;
  /** Requests wait for the next process when this one dies, where the kind can do that. */
  readonly survive: boolean;
  /** Of FUSE. */
  readonly transport: FuseTransport | 'auto';
  /** The largest read or write that travels in one piece; at most 1 MiB. */
  readonly payloadBytes: number;
  /** Requests that a queue serves at once. */
  readonly entriesPerQueue: number;
  /** Look for partitions. */
  readonly partitions: boolean;
}

export interface Cleared {
  /** The node that was released; null if there was none. */
  readonly device: string | null;
  /** Somebody still has it open: it goes when they close it. Until then they get errors from it. */
  readonly held: boolean;
}

export interface KernelDriver<T extends Traces = Traces> {
  readonly kind: KernelDeviceKind;
  readonly isTraces: (traces: Traces) => traces is T;
  /** What is written into the record before the first trace is made. */
  firstTraces(places: Places, name: string): T;
  /**
   * Makes the device; the record is written, the name free. On a failure nothing is left but the record.
   * @throws CausewayError `kernel-device-unavailable` (nothing was made: another kind may be tried), `kernel-device-failed`
   */
  build(host: KernelHost, options: DeviceOptions, record: KeptRecord<T>, notes: string[]): Promise<KernelDevice>;
  /**
   * Takes over the device that a process left with requests waiting, and of which nothing is left in the kernel; the record is this process's own by now. What
   * the kernel hands out again may have been executed before: whoever wrote the volume's ghost file knows of it. Null:
   * it cannot be served any more and its users have errors already, or will have once it is cleared.
   * @param earlier who had it
   * @throws CausewayError `kernel-device-failed` if that failed now; it is there still, for another try
   */
  resume(
    host: KernelHost,
    options: DeviceOptions,
    record: KeptRecord<T>,
    earlier: ProcessIdentity,
    notes: string[],
  ): Promise<KernelDevice | null>;
  /**
   * Takes away what a dead process left, by its record: who uses it gets errors. Bounded. The record itself and the
   * stable name go after it.
   */
  clear(host: KernelHost, record: KeptRecord<T>): Promise<Cleared>;
}

/** What `attach` and `serve` take. */
import { CausewayError } from '../base/errors.ts';
import type { FilterSpec } from '../filters/spec.ts';
import type { AttachOptions as HostAttachOptions } from '../host/contract.ts';
import { checkInstanceName } from '../host/runtime-dir.ts';
import type { FuseTransport, KernelDeviceKind } from '../kernel/contract.ts';

/** What is about a kernel device. */
type NotOfVolumes = 'kernelDevice' | 'fuseTransport' | 'surviveCrash' | 'companion' | 'allowDangerousIoctls';

/** How `attach` reaches a volume. All of it is optional. */
export interface AttachOptions extends Omit<HostAttachOptions, 'name' | NotOfVolumes> {
  /** What events and error messages call the volume; `volume-1`, `volume-2`, … when left out. */
  readonly name?: string;
}

/** How `serve` makes a kernel device. */
export interface ServeOptions {
  /**
   * The device's name: it becomes `/dev/causeway/<name>`. 1 to 32 small letters, digits, dots, underscores and hyphens,
   * beginning with a letter or a digit.
   */
  readonly name: string;
  /** `auto` (default) takes the best kind that this host offers. */
  readonly kernelDevice?: 'auto' | KernelDeviceKind;
  /** How FUSE requests travel: `auto` (default) tries io_uring first. */
  readonly fuseTransport?: 'auto' | FuseTransport;
  /**
   * If this program dies, requests of the device wait for the next one that attaches the same volume and serves it under
   * the same name, and go on; or until `causeway detach NAME --force`. Only for an attached volume that outlives the
   * program (`nvme+tcp:`, `file:`). Default: no, and who uses the device gets input/output errors.
   */
  readonly surviveCrash?: boolean;
  /** Writes are refused (EROFS) even if the device could take them. */
  readonly readOnly?: boolean;
  /** In front of the device: the first is the first to see a request. At most four. */
  readonly filters?: readonly FilterSpec[];
  /**
   * Only for an object of the program's own: milliseconds that one request may take before it ends with ETIMEDOUT. 0
   * (default) = for ever. The object is not told; what it still does to the range is its own affair.
   */
  readonly requestTimeout?: number;
}

/** How a volume or a served device is given back. */
export interface CloseOptions {
  /** Waits for nobody: who uses it gets input/output errors. */
  readonly force?: boolean;
}

/** Types do not hold everybody back. @throws CausewayError `invalid-name` */
export function checkName(name: unknown): void {
  if (typeof name !== 'string') throw new CausewayError('invalid-name', 'the name is missing, or it is no text');
  checkInstanceName(name);
}

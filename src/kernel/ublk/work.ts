/** What is to be done with a ublk device, as plain data: asked of the helper process by `askHelper`, done by `ublk-helper`. */
import { fileURLToPath } from 'node:url';
import type { KernelHost } from '../contract.ts';
import { askHelper as ask, type HelperAnswer } from '../helper.ts';
import { blockPath } from './nodes.ts';

export interface UblkWork {
  /**
   * `detach` flushes and stops it, and changes nothing if somebody else has it open; `release` stops it. `look`: when the
   * kernel asks the driver what has become of a request.
   */
  readonly kind: 'flush' | 'detach' | 'release' | 'protect' | 'look';
  /** Its number, and its tag as the record has it: both have to be the device's. */
  readonly id: number;
  readonly tag: string;
  /** Of `detach`: the kernel can stop a device only if nobody has it open (TRY_STOP_DEV). */
  readonly canTry?: boolean;
  /** Of `protect`: whether the kernel refuses to open it for writing. */
  readonly readOnly?: boolean;
  /** Of `look`. */
  readonly milliseconds?: number;
}

const kinds: ReadonlySet<unknown> = new Set(['flush', 'detach', 'release', 'protect', 'look']);

/** The work that a value is; null if it is none. Only its own writer, the parent process, is behind it. */
export function parseWork(value: unknown): UblkWork | null {
  return isWork(value) ? value : null;
}

function isWork(value: unknown): value is UblkWork {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !kinds.has(value.kind)) return false;
  return 'id' in value && typeof value.id === 'number' && 'tag' in value && typeof value.tag === 'string';
}

/** The helper stands beside this file and has the same ending: sources where node strips types, built code elsewhere. */
const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './ublk-helper.ts' : './ublk-helper.js', import.meta.url),
);

/**
 * Has a piece of work done by the helper process, within a bound.
 * @throws CausewayError `kernel-device-failed` if it fails or takes longer than `milliseconds`
 */
export function askHelper(host: KernelHost, request: UblkWork, milliseconds: number): Promise<HelperAnswer> {
  return ask(host, { program, request, deed: request.kind, what: blockPath(request.id), milliseconds });
}

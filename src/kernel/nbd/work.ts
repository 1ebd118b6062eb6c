/** What is to be done with an NBD device, as plain data: asked of the helper process by `askHelper`, done by `nbd-helper`. */
import { fileURLToPath } from 'node:url';
import type { KernelHost } from '../contract.ts';
import { askHelper as ask, type HelperAnswer } from '../helper.ts';

export interface ConnectNbd {
  readonly kind: 'connect';
  readonly backend: string;
  /** As many descriptors are given to the helper. */
  readonly sockets: number;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly serverFlags: number;
  /** Seconds; 0: never. */
  readonly requestTimeout: number;
  readonly deadConnectionTimeout: number;
  /** Milliseconds after which the kernel looks at a request that is not answered; null: as it likes. */
  readonly lookAfter: number | null;
  /** The largest read or write that the kernel shall send. */
  readonly transferBytes: number;
  readonly partitions: boolean;
}

/** The others work on a device that has to have this very backend identifier. */
export interface NbdWork {
  /**
   * `reconnect` gives it new connections; `detach` flushes and changes nothing if somebody else has it open; `release`
   * takes it away, and whoever uses it gets errors.
   */
  readonly kind: 'reconnect' | 'flush' | 'detach' | 'release' | 'resize' | 'protect';
  readonly device: string;
  readonly backend: string;
  /** Of `reconnect`: as many descriptors are given to the helper. */
  readonly sockets?: number;
  /** Of `resize`. */
  readonly sizeBytes?: number;
  /** Of `protect`: whether the kernel refuses to open it for writing. */
  readonly readOnly?: boolean;
}

export type NbdRequest = ConnectNbd | NbdWork;

const kinds: ReadonlySet<string> = new Set(['connect', 'reconnect', 'flush', 'detach', 'release', 'resize', 'protect']);

/** The request that a value is; null if it is none. Only its own writer, the parent process, is behind it. */
export function parseRequest(value: unknown): NbdRequest | null {
  return isRequest(value) ? value : null;
}

function isRequest(value: unknown): value is NbdRequest {
  if (typeof value !== 'object' || value === null) return false;
  if (!('kind' in value) || typeof value.kind !== 'string' || !kinds.has(value.kind)) return false;
  return 'backend' in value && typeof value.backend === 'string' && (value.kind === 'connect' || 'device' in value);
}

/** The helper stands beside this file and has the same ending: sources where node strips types, built code elsewhere. */
export const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './nbd-helper.ts' : './nbd-helper.js', import.meta.url),
);

/**
 * Has a piece of work done by the helper process, within a bound.
 * @throws CausewayError `kernel-device-failed` if it fails or takes longer than `milliseconds`
 */
export function askHelper(
  host: KernelHost,
  request: NbdRequest,
  milliseconds: number,
  descriptors: readonly number[] = [],
): Promise<HelperAnswer> {
  const what = request.kind === 'connect' ? 'an NBD device' : request.device;
  return ask(host, { program, request, deed: request.kind, what, milliseconds, descriptors });
}

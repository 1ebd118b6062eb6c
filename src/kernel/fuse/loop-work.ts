/**
 * What is to be done with a loop device, as plain data: asked of the helper process by `askHelper`, done there by
 * `loop-helper`.
 */
export interface AttachLoop {
  readonly kind: 'attach';
  /** The file to attach. */
  readonly file: string;
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly partitions: boolean;
}

/**
 * The others work on a device that has to stand on this very file: the path is what tells our loop device from others.
 * (The kernel keeps a file name for us as well, but asks the file for its attributes before it gives it out: of no use
 * once the connection is dead.)
 */
export interface LoopWork {
  /** `detach` flushes and changes nothing if somebody else has it open; `release` takes it away, flushed or not. */
  readonly kind: 'flush' | 'detach' | 'release' | 'resize' | 'protect';
  readonly device: string;
  readonly file: string;
  /** Of `resize`: the size that the file has to have by now. */
  readonly sizeBytes?: number;
  /** Of `protect`: whether the kernel refuses to open it for writing. */
  readonly readOnly?: boolean;
}

export type LoopRequest = AttachLoop | LoopWork;

const kinds: ReadonlySet<string> = new Set(['attach', 'flush', 'detach', 'release', 'resize', 'protect']);

/** The request that a value is; null if it is none. Only its own writer, the parent process, is behind it. */
export function parseRequest(value: unknown): LoopRequest | null {
  return isRequest(value) ? value : null;
}

function isRequest(value: unknown): value is LoopRequest {
  if (typeof value !== 'object' || value === null) return false;
  if (!('kind' in value) || typeof value.kind !== 'string' || !kinds.has(value.kind)) return false;
  return 'file' in value && typeof value.file === 'string' && (value.kind === 'attach' || 'device' in value);
}

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

export interface LoopAnswer {
  /** What went wrong, in a sentence without a name; null if it was done. */
  readonly failure: string | null;
  /** The device; empty if it is not ours: gone already, and perhaps somebody else's by now. */
  readonly device: string;
  /** Of `detach`, `release`: somebody else has it open, so it is not gone (`detach`: and stays; `release`: yet). */
  readonly held: boolean;
}

const kinds: ReadonlySet<string> = new Set(['attach', 'flush', 'detach', 'release', 'resize', 'protect']);

/** The request that a text carries; null if it carries none. Only its own writer, the parent process, is behind it. */
export function parseRequest(text: string): LoopRequest | null {
  const value: unknown = JSON.parse(text);
  return isRequest(value) ? value : null;
}

function isRequest(value: unknown): value is LoopRequest {
  if (typeof value !== 'object' || value === null) return false;
  if (!('kind' in value) || typeof value.kind !== 'string' || !kinds.has(value.kind)) return false;
  return 'file' in value && typeof value.file === 'string' && (value.kind === 'attach' || 'device' in value);
}

/** The answer that a text carries; null if it carries none. */
export function parseAnswer(text: string): LoopAnswer | null {
  try {
    const value: unknown = JSON.parse(text);
    return isAnswer(value) ? value : null;
  } catch {
    return null;
  }
}

function isAnswer(value: unknown): value is LoopAnswer {
  if (typeof value !== 'object' || value === null) return false;
  if (!('device' in value) || typeof value.device !== 'string') return false;
  if (!('held' in value) || typeof value.held !== 'boolean') return false;
  return 'failure' in value && (value.failure === null || typeof value.failure === 'string');
}

/**
 * What is to be done with a loop device, as plain data: asked of the helper process by `askHelper`, done there by
 * `loop-helper`.
 */
export interface AttachLoop {
  readonly kind: 'attach';
  /** The file to attach. */
  readonly file: string;
  /** What tells our loop device from others, kept by the kernel (lo_file_name). */
  readonly tag: string;
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly partitions: boolean;
  /** What to write to files in the device's queue directory in sysfs; a wish, so refusals are no errors. */
  readonly queue: Readonly<Record<string, string>>;
}

/** The others work on a device that has to carry the tag. */
export interface LoopWork {
  readonly kind: 'flush' | 'detach' | 'release' | 'resize';
  readonly device: string;
  readonly tag: string;
  /** Of `resize`: the backing file and the size it has to have by now. */
  readonly file?: string;
  readonly sizeBytes?: number;
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

/**
 * Brings what the reactors have made of a volume (volume-shape.ts) to the kernel device, and tells of it. The kernel is
 * never told of more than every reactor has: a size grows when all have grown, and shrinks with the first; writes are
 * invited when all are writable, and kept away with the first that is not.
 */
import { formatSize } from '../base/units.ts';
import type { KernelDevice } from '../kernel/contract.ts';
import { isSameShape, type Shape } from './volume-shape.ts';

/** After a failure it is tried again so much later, milliseconds. */
const retryAfter = 5_000;

export interface FollowerListener {
  /** The device is like this now, for everybody. */
  onChanged(before: Shape, now: Shape): void;
  /** The kernel could not be told; it is tried again. */
  onTrouble(message: string): void;
}

type KernelSide = Pick<KernelDevice, 'resize' | 'setReadOnly'>;

export class ShapeFollower {
  readonly #listener: FollowerListener;
  readonly #sleep: (milliseconds: number) => Promise<void>;
  /** By reactor. */
  readonly #shapes: Shape[];
  readonly #notes: string[];
  #kernel: KernelSide | null = null;
  /** What the kernel knows, and what people were told. */
  #known: Shape;
  #shown: Shape;
  #trouble = '';
  #held = true;
  /** It failed, and is not tried again yet. */
  #resting = false;
  #work: Promise<void> | null = null;

  /**
   * @param reactors those that serve the volume
   * @param sleep resolves some time later, and keeps nothing alive
   */
  constructor(
    reactors: number,
    shape: Shape,
    listener: FollowerListener,
    sleep: (milliseconds: number) => Promise<void>,
  ) {
    this.#shapes = new Array<Shape>(reactors).fill(shape);
    this.#notes = new Array<string>(reactors).fill('');
    this.#known = shape;
    this.#shown = shape;
    this.#listener = listener;
    this.#sleep = sleep;
  }

  /** What the reactors have in common. */
  get common(): Shape {
    return {
      sizeBytes: Math.min(...this.#shapes.map(({ sizeBytes }) => sizeBytes)),
      readOnly: this.#shapes.some(({ readOnly }) => readOnly),
    };
  }

  /** What the device is to its users. */
  get shape(): Shape {
    return this.#shown;
  }

  /** What people should know, one sentence each. */
  get notes(): string[] {
    const notes = new Set(this.#notes.filter((note) => note !== ''));
    return this.#trouble === '' ? [...notes] : [...notes, this.#trouble];
  }

  /** Word of a reactor. */
  onShape(reactor: number, shape: Shape, note: string): void {
    if (reactor >= this.#shapes.length) return;
    this.#shapes[reactor] = shape;
    this.#notes[reactor] = note;
    this.#follow();
  }

  /** The device stands; what it was made as. Resolves when it was told once of what has changed since. */
  async begin(kernel: KernelSide | null, made: Shape): Promise<void> {
    this.#kernel = kernel;
    this.#known = made;
    await this.resume();
  }

  /** Nothing more is done until `resume`; resolves when nothing is being done. */
  async hold(): Promise<void> {
    this.#held = true;
    await this.#work;
  }

  resume(): Promise<void> {
    this.#held = false;
    this.#follow();
    return this.#work ?? Promise.resolve();
  }

  #follow(): void {
    if (this.#held || this.#resting || this.#work !== null) return;
    if (isSameShape(this.common, this.#shown) && isSameShape(this.common, this.#known)) return;
    this.#work = this.#run().finally(() => {
      this.#work = null;
      // What came in the last moment.
      this.#follow();
    });
  }

  async #run(): Promise<void> {
    const wanted = this.common;
    try {
      await this.#tellKernel(wanted);
      this.#trouble = '';
    } catch (error) {
      this.#onTrouble(error instanceof Error ? error.message : String(error));
      this.#resting = true;
      void this.#sleep(retryAfter).then(() => {
        this.#resting = false;
        this.#follow();
      });
      return;
    }
    const before = this.#shown;
    this.#shown = wanted;
    if (!isSameShape(before, wanted)) this.#listener.onChanged(before, wanted);
  }

  async #tellKernel({ sizeBytes, readOnly }: Shape): Promise<void> {
    // First what protects data; a kernel that cannot be told of a size is to know that nevertheless.
    if (readOnly !== this.#known.readOnly) {
      await this.#kernel?.setReadOnly(readOnly);
      this.#known = { ...this.#known, readOnly };
    }
    if (sizeBytes !== this.#known.sizeBytes) {
      await this.#kernel?.resize(sizeBytes);
      this.#known = { ...this.#known, sizeBytes };
    }
  }

  #onTrouble(message: string): void {
    const text = `the kernel device does not show yet what the volume is now: ${message}`;
    if (text === this.#trouble) return;
    this.#trouble = text;
    this.#listener.onTrouble(text);
  }
}

/** What has happened to it, one sentence each. */
export function describeChange(name: string, before: Shape, now: Shape): string[] {
  const sizes = `from ${formatSize(before.sizeBytes)} to ${formatSize(now.sizeBytes)}`;
  const texts: string[] = [];
  if (now.sizeBytes > before.sizeBytes) texts.push(`${name} grew ${sizes}`);
  if (now.sizeBytes < before.sizeBytes) {
    texts.push(`${name} shrank ${sizes}: what lay beyond is lost, and requests to it fail`);
  }
  if (now.readOnly && !before.readOnly) texts.push(`${name} is read-only now: its array protects it from writes`);
  if (!now.readOnly && before.readOnly) texts.push(`${name} is writable again`);
  return texts;
}

/**
 * Makes durable what one controller wrote to any volume: for its shutdown.
 */
import { type Completer, op, Request } from '../block/request.ts';
import type { Subsystem } from './subsystem.ts';
import type { Volume } from './volume.ts';
import type { CacheWork } from './write-cache.ts';

export class CacheFlush implements CacheWork, Completer {
  readonly request: Request;
  readonly cacheOwner: number;
  nextWork: CacheWork | null = null;
  readonly #volumes: Volume[];
  #current: Volume | null = null;
  #done: (() => void) | null = null;

  constructor(subsystem: Subsystem, cntlid: number) {
    this.request = new Request(subsystem.io, 0);
    this.cacheOwner = cntlid;
    this.#volumes = subsystem.volumes().filter((volume) => volume.needsFlush);
  }

  /** Flushes one volume after the other. What fails is not durable, and there is nobody to tell. */
  run(done: () => void): void {
    this.#done = done;
    this.#next();
  }

  #next(): void {
    let volume = this.#volumes.shift();
    while (volume?.removed === true) volume = this.#volumes.shift();
    if (volume === undefined) {
      this.#done?.();
      return;
    }
    this.#current = volume;
    this.request.begin(op.flush, 0, 0, 0, 0, this);
    volume.submit(this);
  }

  onRequest(): void {
    this.#current?.ended();
    this.#next();
  }
}

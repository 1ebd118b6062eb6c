/**
 * Hands out stretches of a fixed range: first fit, neighbours merged. For start-up and attach, not for the data path.
 */
import { CausewayError } from '../base/errors.ts';

interface Stretch {
  place: number;
  bytes: number;
}

export class Allocator {
  readonly #free: Stretch[];
  readonly #taken = new Map<number, number>();
  #takenBytes = 0;

  /** Place 0 is never handed out, so that it can stand for "none". */
  constructor(size: number) {
    this.#free = [{ place: 64, bytes: size - 64 }];
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** @throws CausewayError `out-of-memory` */
  allocate(bytes: number, alignment: number): number {
    const wanted = Math.max(64, Math.ceil(bytes / 64) * 64);
    for (let i = 0; i < this.#free.length; i += 1) {
      const stretch = this.#free[i]!;
      const place = Math.ceil(stretch.place / alignment) * alignment;
      const end = stretch.place + stretch.bytes;
      if (place + wanted > end) continue;
      const pieces: Stretch[] = [];
      if (place > stretch.place) pieces.push({ place: stretch.place, bytes: place - stretch.place });
      if (place + wanted < end) pieces.push({ place: place + wanted, bytes: end - place - wanted });
      this.#free.splice(i, 1, ...pieces);
      this.#taken.set(place, wanted);
      this.#takenBytes += wanted;
      return place;
    }
    throw new CausewayError('out-of-memory', `no room for ${bytes} bytes in this reactor's memory`);
  }

  /** Takes back a stretch and returns its size. @throws CausewayError `assertion` if it was not handed out */
  free(place: number): number {
    const bytes = this.#taken.get(place);
    if (bytes === undefined) throw new CausewayError('assertion', `memory at ${place} is given back but was not taken`);
    this.#taken.delete(place);
    this.#takenBytes -= bytes;
    let at = this.#free.findIndex((stretch) => stretch.place > place);
    if (at === -1) at = this.#free.length;
    this.#free.splice(at, 0, { place, bytes });
    this.#mergeAt(at);
    if (at > 0) this.#mergeAt(at - 1);
    return bytes;
  }

  #mergeAt(at: number): void {
    const here = this.#free[at];
    const next = this.#free[at + 1];
    if (here === undefined || next === undefined || here.place + here.bytes !== next.place) return;
    here.bytes += next.bytes;
    this.#free.splice(at + 1, 1);
  }
}

/** Bytes of which only the pages that were written take memory: what simulated files and stores stand on. */

const PAGE = 4096;

export class SparseBytes {
  readonly #pages = new Map<number, Uint8Array>();

  get allocatedBytes(): number {
    return this.#pages.size * PAGE;
  }

  read(into: Uint8Array, place: number, position: number, length: number): void {
    for (let done = 0; done < length; ) {
      const within = (position + done) % PAGE;
      const bytes = Math.min(length - done, PAGE - within);
      const page = this.#pages.get((position + done - within) / PAGE);
      if (page === undefined) into.fill(0, place + done, place + done + bytes);
      else into.set(page.subarray(within, within + bytes), place + done);
      done += bytes;
    }
  }

  write(from: Uint8Array, place: number, position: number, length: number): void {
    for (let done = 0; done < length; ) {
      const within = (position + done) % PAGE;
      const bytes = Math.min(length - done, PAGE - within);
      const number = (position + done - within) / PAGE;
      let page = this.#pages.get(number);
      if (page === undefined) {
        page = new Uint8Array(PAGE);
        this.#pages.set(number, page);
      }
      page.set(from.subarray(place + done, place + done + bytes), within);
      done += bytes;
    }
  }

  /** The range reads as zeroes; with `punch`, whole pages of it take no memory any more. */
  zero(position: number, length: number, punch: boolean): void {
    const end = position + length;
    const first = Math.floor(position / PAGE);
    const last = Math.ceil(end / PAGE);
    // A large range over few pages: look at the pages that exist, not at those that could.
    if (last - first > this.#pages.size) {
      for (const number of this.#pages.keys()) {
        if (number >= first && number < last) this.#zeroPage(number, position, end, punch);
      }
      return;
    }
    for (let number = first; number < last; number += 1) this.#zeroPage(number, position, end, punch);
  }

  #zeroPage(number: number, position: number, end: number, punch: boolean): void {
    const from = Math.max(0, position - number * PAGE);
    const to = Math.min(PAGE, end - number * PAGE);
    if (punch && from === 0 && to === PAGE) this.#pages.delete(number);
    else this.#pages.get(number)?.fill(0, from, to);
  }
}

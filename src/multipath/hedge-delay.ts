/**
 * After how long a read that is not answered is worth a second try: well beyond what reads of this device take. The time
 * that all but one read in a hundred take is followed by steps: up by 99 parts for one that took longer, down by 1 part for
 * one that did not, so that both balance just there.
 */

/** Below this it is not worth it: our own batches, and those of the array, take as long at times. Milliseconds. */
const least = 5;
/** A path that swallows everything is left for reads after this time, whatever they took before. Milliseconds. */
const most = 100;
/** A read that takes so many times what nearly all others take is an exception. */
const beyond = 2;
/** A step, as a part of the value. */
const step = 0.02;
const above = 0.99;

export class HedgeDelay {
  /** Fixed by the administrator, milliseconds; 0: it follows the device. */
  fixed = 0;
  /** What 99 of 100 reads take at most, milliseconds. */
  #usual = Number.NaN; // starts as a double, so that the field's representation never changes

  constructor() {
    this.#usual = most / beyond;
  }

  /** A read was answered `took` milliseconds after it was sent. */
  heard(took: number): void {
    const usual = this.#usual;
    this.#usual = took > usual ? usual * (1 + step * above) : usual * (1 - step * (1 - above));
  }

  /** Milliseconds. */
  get now(): number {
    if (this.fixed > 0) return this.fixed;
    const wanted = this.#usual * beyond;
    return wanted < least ? least : wanted > most ? most : wanted;
  }
}

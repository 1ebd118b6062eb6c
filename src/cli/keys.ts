/** Keys of a terminal in raw mode: from bytes to wishes. */

export type Wish =
  | { readonly kind: 'port' | 'blackhole' | 'fail' | 'restore' /** From 1. */; readonly number: number }
  | { readonly kind: 'quit' };

type Pending = 'blackhole' | 'fail' | 'restore';

const pendingOf: Readonly<Record<string, Pending>> = { b: 'blackhole', f: 'fail', r: 'restore' };
/** What a terminal in raw mode sends for Ctrl-C; the signal does not come by itself then. */
const ctrlC = '\u0003';
const ctrlD = '\u0004';
const escape = '\u001b';

export class KeyReader {
  #pending: Pending | null = null;

  /** The key that waits for its number. */
  get pending(): Pending | null {
    return this.#pending;
  }

  /** What the typed characters ask for, in their order. Unknown keys, arrows among them, ask for nothing. */
  read(typed: string): Wish[] {
    const wishes: Wish[] = [];
    for (const key of splitKeys(typed)) {
      const wish = this.#key(key);
      if (wish !== null) wishes.push(wish);
    }
    return wishes;
  }

  #key(key: string): Wish | null {
    const pending = this.#pending;
    this.#pending = null;
    if (key === 'q' || key === ctrlC || key === ctrlD) return { kind: 'quit' };
    if (key >= '1' && key <= '9' && key.length === 1) return { kind: pending ?? 'port', number: Number(key) };
    if (Object.hasOwn(pendingOf, key)) this.#pending = pendingOf[key] ?? null;
    return null;
  }
}

/** One piece a key: what follows an escape character belongs to it, so that no arrow is taken for a letter. */
function splitKeys(typed: string): string[] {
  const keys: string[] = [];
  // CSI (ECMA-48 section 5.4): parameters, intermediates, one final byte; SS3: one byte.
  // oxlint-disable-next-line no-control-regex -- that is what keys send
  const sequence = /\u001b(?:\[[0-?]*[ -/]*[@-~]?|O.?|.?)/y;
  for (let place = 0; place < typed.length; ) {
    sequence.lastIndex = place;
    const match = typed[place] === escape ? sequence.exec(typed) : null;
    const key = match?.[0] ?? typed.charAt(place);
    keys.push(key);
    place += key.length;
  }
  return keys;
}

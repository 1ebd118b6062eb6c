/** Which namespaces of a controller are looked at: what all who use it want together. */
export class WantedNamespaces {
  /** How many want all of them. */
  #all = 0;
  readonly #counts = new Map<number, number>();

  /** One more wants these; all if left out. */
  add(nsids: readonly number[] | undefined): void {
    if (nsids === undefined) this.#all += 1;
    else for (const nsid of nsids) this.#counts.set(nsid, (this.#counts.get(nsid) ?? 0) + 1);
  }

  /** As it was added: one less. */
  remove(nsids: readonly number[] | undefined): void {
    if (nsids === undefined) {
      this.#all -= 1;
      return;
    }
    for (const nsid of nsids) {
      const left = (this.#counts.get(nsid) ?? 0) - 1;
      if (left > 0) this.#counts.set(nsid, left);
      else this.#counts.delete(nsid);
    }
  }

  /** Ascending; null: all that the array shows. */
  get list(): readonly number[] | null {
    return this.#all > 0 ? null : [...this.#counts.keys()].toSorted((a, b) => a - b);
  }
}

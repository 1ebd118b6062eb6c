/** What a run has made and must take away again, whatever happens: last made, first taken away. */

export type Undo = () => Promise<void> | void;

/** One thing to be taken away may take this long; beyond it the next one gets its turn. Milliseconds. */
const patience = 60_000;

export class Cleanup {
  readonly #undos: Undo[] = [];
  #closed = false;

  /**
   * Returns what takes it away early; it is not done twice.
   * @throws Error after `run`: somebody goes on with a run that was broken off; what he made is taken away at once
   */
  add(undo: Undo): () => Promise<void> {
    if (this.#closed) {
      void Promise.resolve(undo()).catch(() => {});
      throw new Error('the run is over');
    }
    this.#undos.push(undo);
    return async () => {
      const place = this.#undos.lastIndexOf(undo);
      if (place === -1) return;
      this.#undos.splice(place, 1);
      await undo();
    };
  }

  /** Takes all away; what fails is said, and the rest goes on. Returns the number of failures. */
  async run(say: (message: string) => void): Promise<number> {
    this.#closed = true;
    let failures = 0;
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await bounded(undo);
      } catch (error) {
        failures += 1;
        say(`cleaning up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return failures;
  }
}

async function bounded(undo: Undo): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it takes longer than ${patience / 1000} s`)), patience);
  });
  try {
    await Promise.race([undo(), late]);
  } finally {
    clearTimeout(timer);
  }
}

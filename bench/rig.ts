/** What every case works with. */
import type { Cleanup } from './cleanup.ts';
import type { RoundsOptions } from './rounds.ts';

export interface Rig extends RoundsOptions {
  readonly cleanup: Cleanup;
  /** Short samples and small volumes: to see that everything works. */
  readonly quick: boolean;
  /** Of the volumes that are measured. */
  readonly volumeBytes: number;
}

import type { Random } from '../../base/random.ts';
import type { Io } from '../contract.ts';

/** Two reactors that can reach each other, and what the tests need around them. */
export interface ContractBodies {
  readonly io: Io;
  /** Another reactor, or the same one. */
  readonly other: Io;
  /** Where the tests may listen, numeric. */
  readonly host: string;
  /** More than the buffers of a connection hold, however the kernel sizes them. */
  readonly overflowBytes: number;
  /** A path at which there is no file yet. */
  path(name: string): string;
  /** Lets the reactors run until `work` is settled, bounded, and answers as it does. */
  run<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export type ContractTest = (bodies: ContractBodies, random: Random) => Promise<void>;

import type { Core } from './core.ts';
import type { SimMemory } from './sim-memory.ts';

/** Something that has happened and waits to be reaped by the reactor it belongs to. Long-lived; none is made per I/O. */
export interface Completion {
  reap(): void;
}

/** What sockets, listeners and files need of the reactor they belong to. */
export interface Body {
  readonly name: string;
  readonly core: Core;
  readonly memory: SimMemory;
  /** What is open on this body, for the report of a run that got stuck and for its sudden death. */
  readonly opened: Set<Opened>;
  /** Queues a completion for the next batches. It may be the same object several times. */
  complete(completion: Completion): void;
}

export interface Opened {
  /** What it is and what is under way on it, for people; null if it is idle. */
  describe(): string | null;
  /** The process died: the other side is told as the kernel would tell it, the owner hears nothing any more. */
  die(): void;
}

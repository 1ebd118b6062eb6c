/** The parts of a device on one reactor, made at start-up. */
import type { Request } from '../block/request.ts';
import { Part, type PartOwner } from '../fabric/contract.ts';
import { PartList } from './job.ts';

export class PartPool {
  /** All of them, by their index. */
  readonly all: readonly Part[];
  readonly #owner: PartOwner;
  readonly #free = new PartList();

  constructor(owner: PartOwner, count: number) {
    this.#owner = owner;
    this.all = Array.from({ length: count }, (_unused, index) => new Part(index));
    for (const part of this.all) this.#free.push(part);
  }

  get isEmpty(): boolean {
    return this.#free.size === 0;
  }

  /** How many a path has. Looks at all of them. */
  underWayOn(pathIndex: number): number {
    return this.all.reduce((count, part) => count + (part.underWay && part.pathIndex === pathIndex ? 1 : 0), 0);
  }

  /** One for this request, whose job has that number. Only when it is not empty. */
  take(job: number, request: Request): Part {
    const part = this.#free.shift()!;
    part.owner = this.#owner;
    part.ownerTag = job;
    part.request = request;
    part.op = request.op;
    part.flags = request.flags;
    part.attempts = 0;
    part.refusals = 0;
    return part;
  }

  /** It is nobody's any more, and no path has it. */
  give(part: Part): void {
    part.request = null;
    part.path = null;
    this.#free.push(part);
  }
}

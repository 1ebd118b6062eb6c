/**
 * Who gets the room of a full queue. The paths of many volumes share one queue: a volume that has it full and more to
 * send would take every slot again in which a command of its own ends, and the others would wait for ever. So a path
 * that asks for room in vain stands in line, and while anybody does, room goes by turns: each turn is a fair part of
 * what there is, and who wants more stands in line again.
 *
 * Data path: nothing is allocated, and a path that is alone in asking never waits.
 */
import type { NvmePath } from './nvme-path.ts';

export class RoomLine {
  #first: NvmePath | null = null;
  #last: NvmePath | null = null;
  #size = 0;
  /** Whose turn it is, and how many commands are left of it. */
  #turn: NvmePath | null = null;
  #left = 0;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** May the path use a slot that is free now? If somebody else comes first, it stands in line from now on. */
  mayPass(path: NvmePath): boolean {
    if (this.#first === null || (this.#first === path && this.#last === path)) return true;
    if (this.#turn === path && this.#left > 0) return true;
    this.enter(path);
    return false;
  }

  /** There is no slot: the path is told when there is one. */
  enter(path: NvmePath): void {
    if (path.inLine) return;
    path.inLine = true;
    if (this.#last === null) this.#first = path;
    else this.#last.nextInLine = path;
    this.#last = path;
    this.#size += 1;
  }

  /** The next path has its turn at `room` free slots. */
  begin(room: number): NvmePath {
    const path = this.#first!;
    this.#left = Math.ceil(room / this.#size);
    this.#first = path.nextInLine;
    if (this.#first === null) this.#last = null;
    path.nextInLine = null;
    path.inLine = false;
    this.#size -= 1;
    this.#turn = path;
    return path;
  }

  /** The path took a slot. */
  took(path: NvmePath): void {
    if (this.#turn === path) this.#left -= 1;
  }

  end(): void {
    this.#turn = null;
  }

  /** It does not want room any more. */
  leave(path: NvmePath): void {
    if (!path.inLine) return;
    const others: NvmePath[] = [];
    for (let one = this.#first; one !== null; one = one.nextInLine) if (one !== path) others.push(one);
    this.clear();
    for (const one of others) this.enter(one);
  }

  clear(): void {
    for (let one = this.#first; one !== null; ) {
      const next: NvmePath | null = one.nextInLine;
      one.inLine = false;
      one.nextInLine = null;
      one = next;
    }
    this.#first = null;
    this.#last = null;
    this.#size = 0;
  }
}

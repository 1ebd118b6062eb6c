/** What the main thread remembers of the paths of a served volume, and what it tells of them. */
import { errorTable } from '../base/errors.ts';
import type { FenceKind } from '../fabric/nvme-tcp/messages.ts';
import type { PathState } from '../multipath/state.ts';
import type { OpenSource } from './open-source.ts';
import { type Moment, PathHistory } from './path-history.ts';
import type { VolumePathEntry } from './path-table.ts';
import type { HostEvent } from './view.ts';
import { leastState, pathStatesOn, refusalOf } from './volume-counters.ts';
import type { AssociationView } from './volume-lead.ts';
import type { VolumeEvent } from './volume-reactor.ts';

export interface PathRecord {
  readonly history: PathHistory;
  /** Its state on each reactor as that reactor told it: what came and went while this thread was busy counts too. */
  readonly states: PathState[];
  /** Why it can not be used, as of the last word of that; empty while it carries I/O. */
  reason: string;
  /** Why it is not used though it is there, by the reactor that says so. */
  readonly refusals: Map<number, string>;
}

export function momentNow(): Moment {
  return { date: Date.now(), clock: performance.now() };
}

export class PathRecords {
  readonly #device: string;
  readonly #source: OpenSource;
  readonly #associations: ReadonlyMap<number, AssociationView>;
  readonly #emit: (event: Omit<HostEvent, 'at'>) => void;
  /** By the path's association, which no other path ever has. */
  readonly #records = new Map<number, PathRecord>();
  readonly #fenced = new Map<number, number>();

  constructor(
    device: string,
    source: OpenSource,
    associations: ReadonlyMap<number, AssociationView>,
    emit: (event: Omit<HostEvent, 'at'>) => void,
  ) {
    this.#device = device;
    this.#source = source;
    this.#associations = associations;
    this.#emit = emit;
    for (const path of source.paths.list) this.of(path);
  }

  /** Begun when it is asked for first. */
  of({ association, index }: VolumePathEntry): PathRecord {
    let record = this.#records.get(association);
    if (record === undefined) {
      const states = pathStatesOn(this.#source.statistics, index);
      record = {
        history: new PathHistory(leastState(states), momentNow()),
        states,
        // Other volumes may have had the association for long.
        reason: this.#associations.get(association)?.error ?? '',
        refusals: new Map<number, string>(),
      };
      this.#records.set(association, record);
    }
    return record;
  }

  /** The path is gone. */
  drop({ association }: VolumePathEntry): void {
    this.#records.delete(association);
  }

  get #alive(): boolean {
    return this.#source.paths.list.some((path) => isLive(this.of(path).history.state));
  }

  onState(reactor: number, { index, state: told }: Extract<VolumeEvent, { kind: 'path-state' }>): void {
    const path = this.#source.paths.byIndex(index);
    if (path === undefined) return;
    const record = this.of(path);
    const wasAlive = this.#alive;
    // One that does not serve the volume says nothing about it.
    if (reactor >= record.states.length) return;
    record.states[reactor] = told;
    const state = leastState(record.states);
    if (state === record.history.state) return;
    if (isLive(state)) record.reason = '';
    record.history.change(state, momentNow(), refusalOf(record) || record.reason);
    const { id } = path;
    this.#emit({ event: 'path-state', device: this.#device, message: `path ${id} is ${state}`, path: id, state });
    if (wasAlive && !this.#alive) {
      const message = `${this.#device} has no path left: requests wait`;
      this.#emit({ event: 'all-paths-down', device: this.#device, message });
    } else if (!wasAlive && this.#alive) {
      this.#emit({ event: 'paths-back', device: this.#device, message: `${this.#device} has a path again` });
    }
  }

  onRefused(reactor: number, event: Extract<VolumeEvent, { kind: 'path-refused' }>): void {
    const { index, id, code, reason } = event;
    const path = this.#source.paths.byIndex(index);
    if (path === undefined) return;
    const record = this.of(path);
    const isNew = ![...record.refusals.values()].includes(reason);
    record.refusals.set(reactor, reason);
    if (!isNew) return;
    record.history.explain(reason);
    this.#emit({
      event: code === 'volume-replaced' ? 'volume-replaced' : 'volume-changed',
      device: this.#device,
      message: `${id} is not used: ${reason}. ${errorTable[code].hint}`,
      path: path.id,
      code,
    });
  }

  onNotRefused(reactor: number, index: number): void {
    const path = this.#source.paths.byIndex(index);
    if (path !== undefined) this.of(path).refusals.delete(reactor);
  }

  onAssociation({ association, error }: AssociationView): void {
    const path = this.#source.paths.byAssociation(association);
    if (path === undefined || error === '') return;
    const record = this.of(path);
    record.reason = error;
    record.history.explain(error);
  }

  onFenced(association: number, epoch: number, how: FenceKind): void {
    const path = this.#source.paths.nameOf(association);
    if (path === undefined || how === 'nothing-in-doubt' || (this.#fenced.get(association) ?? 0) >= epoch) return;
    this.#fenced.set(association, epoch);
    const message = `the controller lost on ${path} is fenced (${how}): none of its writes can be executed any more`;
    this.#emit({ event: 'fence', device: this.#device, message, path });
  }
}

function isLive(state: PathState): boolean {
  return state === 'live-optimized' || state === 'live-non-optimized';
}

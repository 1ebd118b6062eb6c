/** What people see of lost controllers whose fence is waited for. */
import type { QuarantineEntry } from '../multipath/quarantine.ts';
import { earlierProgram } from './ghost-record.ts';
import type { OpenSource } from './open-source.ts';
import type { FenceView } from './view.ts';
import type { AssociationView } from './volume-lead.ts';

/** @param now what the clock of the lead shows */
export function fenceViews(
  { ghosts, paths }: OpenSource,
  quarantine: readonly QuarantineEntry[],
  associations: ReadonlyMap<number, AssociationView>,
  now: number,
): FenceView[] {
  const earlier = {
    path: 'an earlier program',
    cntlid: -1,
    by: 'time',
    remaining: ghosts?.keptFor ?? 0,
    ...kept(quarantine, earlierProgram.controller, earlierProgram.epoch),
  };
  const fencesOf = (association: number, path: string): FenceView[] =>
    (associations.get(association)?.fences ?? []).map(({ epoch, cntlid, dueAt, isAssumed }) => {
      const { ranges, bytes } = kept(quarantine, association, epoch);
      const by = isAssumed ? 'time (assumed, not guaranteed)' : 'time';
      return { path, cntlid, by, remaining: Math.max(0, dueAt - now), ranges, bytes };
    });
  const own = paths.list.flatMap(({ association, id }) => fencesOf(association, id));
  // Of a path that is gone, only what is still in quarantine because of it.
  const gone = [...paths.gone].flatMap(([association, id]) => fencesOf(association, `${id} (removed)`));
  return [...[earlier].filter(({ ranges }) => ranges > 0), ...own, ...gone.filter(({ ranges }) => ranges > 0)];
}

/** What is in quarantine because of one life of a controller. */
function kept(
  quarantine: readonly QuarantineEntry[],
  controller: number,
  epoch: number,
): Pick<FenceView, 'ranges' | 'bytes'> {
  const entries = quarantine.filter((entry) => entry.controller === controller && entry.epoch === epoch);
  return { ranges: entries.length, bytes: entries.reduce((sum, { length }) => sum + length, 0) };
}

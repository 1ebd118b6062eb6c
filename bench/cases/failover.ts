/** Paths that fail under load: how long requests stall, and what throughput is left. */
import type { BenchCase, CaseReport } from '../case.ts';
import { measureLostPaths } from '../failover/lost-paths.ts';
import { measureQuarantine } from '../failover/quarantine.ts';
import { measureSlowPath } from '../failover/slow-path.ts';
import type { Rig } from '../rig.ts';

async function run(rig: Rig): Promise<CaseReport> {
  const lost = await measureLostPaths(rig);
  const slow = await measureSlowPath(rig);
  const quarantine = await measureQuarantine(rig);
  return {
    tables: [lost.table, slow.table, quarantine.table],
    goals: [...lost.goals, ...slow.goals, ...quarantine.goals],
    series: [...slow.series, ...quarantine.series],
    extra: { trials: lost.trials },
  };
}

export const failover: BenchCase = {
  name: 'failover',
  title: 'Paths that fail under load',
  needs: { fio: 'fio' },
  run,
};

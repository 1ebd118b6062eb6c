/**
 * Cross-Controller Reset (NVMe Base 2.3, 5.4.3): a host resets a controller that it lost through one that it still has.
 * When it is reported successful, no command of the controller can be executed any more: a fence.
 */
import type { CrossControllerResetCommand } from '../fabric/nvme-tcp/admin-sqe.ts';
import { type CcrEntry, ccrStatus, maxCcrEntries } from '../fabric/nvme-tcp/ccr-log.ts';
import { eventKind } from './async-events.ts';
import type { Controller } from './controller.ts';
import { sc } from './status-codes.ts';

/** ACID: no other controller took anything over. */
const noController = 0xffff;
/** CCRF: the request was validated, and the reset begun. */
const validatedAndBegun = 3;

/** The two answers of dword 0: done already, or an event follows. */
const immediate = 1;
const underWay = 0;

/** Resets another controller through this one. Returns the status; `answer` gets dword 0 of a success. */
export function resetOther(
  through: Controller,
  command: CrossControllerResetCommand,
  answer: (dword0: number) => void,
): number {
  const { config, controllers, stats } = through.subsystem;
  const { icid, ciu } = command;
  if (config.ccrl === 0) return sc.invalidOpcode;
  if (icid === through.cntlid) return sc.invalidField;
  const running = through.resets.filter(({ ccrs }) => ccrs === ccrStatus.inProgress);
  if (running.some((entry) => entry.icid === icid && entry.ciu === ciu)) return sc.ccrInProgress;
  if (running.length >= config.ccrl) return sc.ccrLimitExceeded;
  const other = controllers.get(icid);
  // Gone, or another instance by now. A controller leaves the table, and an instance ends by a reset, only when nothing
  // of it can be executed any more: so the one that was meant is silent.
  if (other === undefined || other.kind !== 'io' || other.ciu !== ciu || other.cirn !== command.cirn) {
    answer(immediate);
    return sc.success;
  }
  if (other.host.hostid !== through.host.hostid) return sc.invalidField;
  if (through.resets.length >= maxCcrEntries) return sc.ccrLogFull;
  stats.crossControllerResets += 1;
  let entry: CcrEntry | null = null;
  let done = false;
  other.crossReset(() => {
    done = true;
    if (entry === null) return;
    const place = through.resets.indexOf(entry);
    if (place >= 0) through.resets[place] = { ...entry, ccrs: ccrStatus.success };
    through.events.raise(eventKind.crossControllerReset);
  });
  if (!done) {
    entry = { icid, ciu, acid: noController, ccrs: ccrStatus.inProgress, ccrf: validatedAndBegun };
    through.resets.push(entry);
  }
  answer(done ? immediate : underWay);
  return sc.success;
}

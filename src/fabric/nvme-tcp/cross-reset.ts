/**
 * A lost controller is reset over others of its subsystem (cross-controller reset), again and again over whichever live,
 * until one of them reports that it is done. The very instance is meant (CIU and CIRN): its number alone could be a new
 * controller by now.
 */
import type { Io } from '../../io/contract.ts';
import { ccrStatus } from './ccr-log.ts';
import type { Controller } from './controller.ts';
import type { ControllerInstance } from './messages.ts';
import { sc } from './status.ts';
import { expectedError } from './transport-error.ts';

/** Between two rounds, and between two looks at the log. Milliseconds. */
const roundMs = 250;
const lookMs = 50;
/** A reset that is not over by then is asked for elsewhere. Milliseconds. */
const longestMs = 10_000;

/**
 * True once it is reset; false if it is of no use any more.
 * @param helpers live controllers of the same subsystem that can reset another one
 * @param isOver nobody waits for it any more
 */
export async function resetOverOthers(
  io: Io,
  lost: ControllerInstance,
  helpers: () => readonly Controller[],
  isOver: () => boolean,
): Promise<boolean> {
  while (!isOver()) {
    for (const helper of helpers()) {
      if (isOver()) return false;
      if (await askOne(io, lost, helper, isOver)) return true;
    }
    await io.sleep(roundMs);
  }
  return false;
}

async function askOne(io: Io, lost: ControllerInstance, helper: Controller, isOver: () => boolean): Promise<boolean> {
  const { cntlid, ciu, cirn } = lost;
  try {
    const { status, isImmediate } = await helper.crossControllerReset(cntlid, ciu, cirn);
    if (isImmediate) return true;
    // "In progress" means that somebody asked before us: this controller's log may still tell how it ended.
    if (status !== sc.success && status !== sc.crossControllerResetInProgress) return false;
    const deadline = io.clock.now() + longestMs;
    while (!isOver() && helper.alive && io.clock.now() < deadline) {
      const result = await helper.crossControllerResetStatus(cntlid, ciu);
      if (result === ccrStatus.success) return true;
      if (result === ccrStatus.failed || (result === null && status !== sc.success)) return false;
      await io.sleep(lookMs);
    }
  } catch (error) {
    // The helper was lost meanwhile; the next round asks another one.
    expectedError(error);
  }
  return false;
}

/**
 * Fencing of one lost life of a controller: waiting for, and if possible hastening, the moment from which on none of its
 * commands can be executed any more. Until then a write that was sent again elsewhere could be undone by its own ghost.
 *
 * The ways, and why each is a fence:
 * (a) The command's own completion, whatever its status, also after an Abort. Not seen here: such commands are not in
 *     doubt (aborts.ts).
 * (b) CSTS.RDY = 0 after CC.EN = 0 on that controller: NVMe Base, "Controller Reset": the controller has then stopped
 *     processing all commands. Tried while the admin queue of the lost life still answers; the fastest.
 * (c) A cross-controller reset over another controller of the subsystem, reported successful for that very instance
 *     (cntlid, CIU and CIRN; cntlid alone could be a new controller by then).
 * (d) Time. Without our keep-alives the controller has to notice the loss within 2 x KATO (a keep-alive that it received
 *     just before the loss starts its timer, and it may look only once a KATO), 3 x KATO where any traffic counts
 *     (TBKAS: it looks once per interval whether there was any), and to have stopped CQT after that. The clock starts when
 *     our last connection of that life was aborted, because until then we may have kept it alive.
 *     Where the controller reports no CQT nothing is guaranteed: the quiesce time is assumed, and the fence says so.
 *
 * (b) and (c) are tried side by side, as (b) costs an admin time-out where the network swallows everything. (c) is tried
 * again and again, over whichever controllers live, until (d) ends the wait.
 */
import type { Deferred, Io } from '../../io/contract.ts';
import { ctrattTbkas } from './constants.ts';
import type { Controller, ReadyController } from './controller.ts';
import { resetOverOthers } from './cross-reset.ts';
import type { FenceKind } from './messages.ts';

/** CQT: 1 = the controller needs no time. */
const noQuiesceTime = 1;
export interface FenceTime {
  readonly milliseconds: number;
  /** The controller does not say how long it needs. */
  readonly isAssumed: boolean;
}

/** How long after the last abort time alone is a fence. */
export function fenceTime(lost: ReadyController, quiesceMs: number): FenceTime {
  const { cqt, ctratt } = lost.id;
  const timeouts = (ctratt & ctrattTbkas) !== 0 ? 3 : 2;
  const detect = timeouts * lost.katoMs;
  if (cqt === 0) return { milliseconds: detect + quiesceMs, isAssumed: true };
  return { milliseconds: detect + (cqt === noQuiesceTime ? 0 : cqt), isAssumed: false };
}

export class Fence {
  readonly epoch: number;
  readonly time: FenceTime;
  /** How it came about; null while it has not. */
  how: FenceKind | null = null;
  /** When time will be the fence (of the reactor's clock); infinity while connections of that life stand. */
  dueAt = Number.POSITIVE_INFINITY;
  readonly #io: Io;
  readonly #lost: ReadyController;
  readonly #helpers: () => readonly Controller[];
  readonly #done: Deferred<FenceKind>;

  /** `helpers` names the live controllers of the same subsystem that can reset another one. */
  constructor(io: Io, epoch: number, lost: ReadyController, quiesceMs: number, helpers: () => readonly Controller[]) {
    this.#io = io;
    this.epoch = epoch;
    this.#lost = lost;
    this.#helpers = helpers;
    this.time = fenceTime(lost, quiesceMs);
    this.#done = io.deferred<FenceKind>();
  }

  /** The lost controller. */
  get cntlid(): number {
    return this.#lost.cntlid;
  }

  /** Resolves when the life is fenced. */
  get done(): Promise<FenceKind> {
    return this.#done.promise;
  }

  settle(how: FenceKind): void {
    if (this.how !== null) return;
    this.how = how;
    this.#done.resolve(how);
  }

  /** Tries (c) until the fence is there. */
  async askOthers(): Promise<void> {
    const { cntlid, id } = this.#lost;
    const lost = { cntlid, ciu: id.ciu, cirn: id.cirn };
    const isReset = await resetOverOthers(this.#io, lost, this.#helpers, () => this.how !== null);
    if (isReset) this.settle('cross-controller-reset');
  }

  /** Way (d): the last connection of the life was aborted now. */
  async waitForTime(): Promise<void> {
    this.dueAt = this.#io.clock.now() + this.time.milliseconds;
    while (this.how === null) {
      const left = this.dueAt - this.#io.clock.now();
      if (left <= 0) {
        this.settle(this.time.isAssumed ? 'time-assumed' : 'time');
        return;
      }
      await this.#io.sleep(Math.min(left, 1000));
    }
  }
}

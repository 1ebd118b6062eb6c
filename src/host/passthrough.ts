/**
 * Sends a command of a caller's own making to the controllers of a volume: ioctls of its companion node, and
 * `causeway nvme`. On the lead reactor, where the admin queues are. Control.
 *
 * Which path: the best that there is (optimized before the others; never one that is disabled, down, or refused), and of
 * those the one with the least to do. A command that only reads goes to the next one when a path is lost under it, or the
 * array says that it can not be done there; one that changes something goes on only if it was surely not executed.
 *
 * A reservation command of unknown outcome may still be executed late, and would then undo what came after it. It counts
 * among what its controller has to be fenced for, and until then no other one is sent for this volume.
 */
import { CausewayError } from '../base/errors.ts';
import type { BlockDevice } from '../block/device.ts';
import { verdict } from '../fabric/contract.ts';
import type { Controller } from '../fabric/nvme-tcp/controller.ts';
import {
  isBidirectional,
  longestPassthroughMs,
  type PassthroughCommand,
  type PassthroughResult,
  passthroughBytes,
  directionOf,
} from '../fabric/nvme-tcp/passthrough.ts';
import { direction } from '../fabric/nvme-tcp/command-slot.ts';
import { nsidAll } from '../fabric/nvme-tcp/constants.ts';
import { type PassthroughRow, ruleOf, unobtrusive } from '../fabric/nvme-tcp/passthrough-rules.ts';
import { outcome, outcomeName, verdictOf } from '../fabric/nvme-tcp/status.ts';
import type { Io } from '../io/contract.ts';
import type { MultipathDevice } from '../multipath/device.ts';
import { type GhostGate, heldBack } from '../multipath/ghost-gate.ts';
import { DoorCommands } from './door-commands.ts';
import type { VolumePath } from './volume-reactor.ts';

/** A command as a caller hands it in: anything may stand in it. */
export type NvmeCommand = PassthroughCommand;

/** What became of it. Plain data. */
export interface NvmeAnswer {
  /** `sct << 8 | sc` of the completion. */
  readonly status: number;
  readonly doNotRetry: boolean;
  readonly dw0: number;
  readonly dw1: number;
  readonly data: Uint8Array;
  /** The path that it went over, for people; `device` if a request of the device stood for it. */
  readonly path: string;
}

/** What is needed of a volume. */
export interface PassthroughTarget {
  /** The namespace. */
  readonly nsid: number;
  readonly device: MultipathDevice;
  readonly gate: GhostGate;
  /** Those that can be used now, the best first. */
  paths(): VolumePath[];
  isFenced(controller: number, epoch: number): boolean;
  /** Its writes pass the gate: not where ghosts are not minded. */
  countsWrites(): boolean;
  /** Tells every reactor that nothing is kept back for that life of a controller any more. */
  release(controller: number, epoch: number): void;
}

export interface PassthroughOptions {
  readonly target: PassthroughTarget;
  /** The device as its users see it: door commands go there. */
  readonly device: BlockDevice;
  readonly controller: (association: number) => Controller | null;
}

/** At once, of one volume. */
const mostAtOnce = 16;
const defaultAdminMs = 60_000;
const defaultIoMs = 30_000;
/** A time-out gives the controller up in the end: one that no round trip could keep is not a wish that is granted. */
const leastMs = 1_000;

interface Doubt {
  readonly controller: number;
  readonly epoch: number;
}

export class Passthrough {
  readonly #options: PassthroughOptions;
  readonly #door: DoorCommands;
  #doubts: Doubt[] = [];
  #underWay = 0;

  constructor(io: Io, options: PassthroughOptions) {
    this.#options = options;
    this.#door = new DoorCommands(io, options.device);
  }

  /** The namespace that its commands are for. */
  get nsid(): number {
    return this.#options.target.nsid;
  }

  /**
   * @param isDangerAllowed whoever may say so has allowed commands that disturb or erase
   * @throws CausewayError `nvme-command-refused`, `nvme-command-dangerous`, `nvme-wrong-namespace`, `device-not-quiet`,
   * `invalid-argument`, `too-many-requests`, `no-path`, `nvme-outcome-unknown`, `io-timed-out`, `out-of-memory`
   */
  async run(command: NvmeCommand, isDangerAllowed: boolean): Promise<NvmeAnswer> {
    const row = ruleOf(command);
    checkShape(command, row);
    if (row.rule === 'never') {
      throw new CausewayError('nvme-command-refused', `${row.name} is not sent for others: ${row.reason}`);
    }
    if ((row.rule === 'disturbs' || row.rule === 'erases') && !isDangerAllowed) {
      throw new CausewayError('nvme-command-dangerous', `${row.name} is not sent without consent: ${row.reason}`);
    }
    const checked = this.#complete(command, row);
    if (this.#underWay + this.#door.underWay >= mostAtOnce) {
      throw new CausewayError('too-many-requests', `${mostAtOnce} NVMe commands are under way already`);
    }
    if (row.rule === 'door') return await this.#door.run(checked);
    this.#underWay += 1;
    try {
      if (row.rule === 'erases') return await this.#runAlone(checked, row);
      if (row.rule !== 'reserves') return await this.#send(checked, row, () => undefined);
      this.#checkDoubts(row);
      return await this.#send(checked, row, (doubt) => this.#doubts.push(doubt));
    } finally {
      this.#underWay -= 1;
    }
  }

  /** With the NSID of the volume and a time-out that can be kept. */
  #complete(command: NvmeCommand, row: PassthroughRow): NvmeCommand {
    const { nsid: own } = this.#options.target;
    const { nsid, queue, timeoutMs } = command;
    const isOwn = nsid === own || (row.nsid === 'own' ? nsid === 0 : nsid === 0 || nsid === nsidAll);
    if (row.nsid !== 'any' && !isOwn) {
      throw new CausewayError('nvme-wrong-namespace', `${row.name} names the namespace ${nsid}, the device is ${own}`);
    }
    const wanted = timeoutMs === 0 ? (queue === 'admin' ? defaultAdminMs : defaultIoMs) : timeoutMs;
    return {
      ...unobtrusive(command),
      nsid: row.nsid === 'own' ? own : nsid,
      timeoutMs: Math.min(Math.max(wanted, leastMs), longestPassthroughMs),
    };
  }

  #checkDoubts(row: PassthroughRow): void {
    this.#doubts = this.#doubts.filter(({ controller, epoch }) => !this.#options.target.isFenced(controller, epoch));
    if (this.#doubts.length === 0) return;
    throw new CausewayError(
      'nvme-outcome-unknown',
      `${row.name} has to wait: an earlier reservation command may still be executed by a controller that was lost`,
      { hint: 'Try again when `causeway show NAME` shows no fence that is waited for.' },
    );
  }

  /**
   * Over one path after the other, as long as that can do no harm.
   * @param onDoubt this life of a controller may still execute it
   */
  async #send(command: NvmeCommand, row: PassthroughRow, onDoubt: (doubt: Doubt) => void): Promise<NvmeAnswer> {
    const tried = new Set<VolumePath>();
    const isRepeatable = row.rule === 'reads';
    let last: NvmeAnswer | null = null;
    for (;;) {
      const path = this.#options.target.paths().find((one) => !tried.has(one));
      if (path === undefined) break;
      tried.add(path);
      const { controller, epoch } = path;
      const result = await this.#sendOver(path, command, isRepeatable);
      if (result === null) continue;
      const known = verdictOf(result.outcome, result.doNotRetry);
      const mayHarm = !isRepeatable && (known & verdict.mayHaveExecuted) !== 0;
      if (isLoss(result.outcome)) {
        if (mayHarm) {
          onDoubt({ controller, epoch });
          throw unknownOutcome(row, path, result);
        }
        if (result.outcome === outcome.timedOut) {
          throw new CausewayError(
            'io-timed-out',
            `${row.name} was not answered over ${path.id} in ${command.timeoutMs} ms`,
          );
        }
        continue;
      }
      const { doNotRetry, dw0, dw1, data } = result;
      const answer = { status: result.outcome, doNotRetry, dw0, dw1, data, path: path.id };
      if ((known & verdict.retryElsewhere) === 0 || mayHarm) return answer;
      last = answer;
    }
    if (last !== null) return last;
    throw new CausewayError('no-path', `${row.name} can not be sent: no path of the device carries I/O now`);
  }

  /** Null: it was not sent. */
  async #sendOver(path: VolumePath, command: NvmeCommand, isRepeatable: boolean): Promise<PassthroughResult | null> {
    const own = command.nsid === this.#options.target.nsid ? { ...command, nsid: path.nsid } : command;
    if (command.queue === 'io') return await path.passthrough(own, isRepeatable);
    const controller = this.#options.controller(path.controller);
    if (controller === null) return null;
    try {
      return await controller.passthrough(own, isRepeatable);
    } catch (error) {
      if (error instanceof CausewayError && error.retryElsewhere) return null;
      throw error;
    }
  }

  /**
   * Where nothing else is written: every write of every reactor waits until it is over, and if its outcome is unknown,
   * until its controller is fenced.
   */
  async #runAlone(command: NvmeCommand, row: PassthroughRow): Promise<NvmeAnswer> {
    const { target } = this.#options;
    const { device, gate } = target;
    if (!target.countsWrites()) {
      throw new CausewayError(
        'device-not-quiet',
        `${row.name} needs the device to itself, and it keeps no account of writes`,
        {
          hint: 'Let it keep one: `causeway policy set NAME --ghost-writes quarantine`.',
        },
      );
    }
    const { sizeBytes } = device.geometry;
    const { hold, isQuiet } = gate.holdAll(sizeBytes);
    const doubts: Doubt[] = [];
    try {
      if (!isQuiet) {
        throw new CausewayError(
          'device-not-quiet',
          `${row.name} needs the device to itself, and something is written to it`,
        );
      }
      return await this.#send(command, row, (doubt) => doubts.push(doubt));
    } finally {
      for (const { controller, epoch } of doubts) {
        // There is room: the quarantine was empty, and while all is held nothing can be lost that comes into it.
        gate.keep(0, sizeBytes, controller, epoch, gate.newOwner());
        // Its fence may have been told before the command came back.
        if (target.isFenced(controller, epoch)) gate.fenced(controller, epoch);
      }
      target.release(heldBack, hold);
    }
  }
}

function isLoss(code: number): boolean {
  return code >= outcome.notSent;
}

function unknownOutcome(row: PassthroughRow, path: VolumePath, { outcome: code }: PassthroughResult): CausewayError {
  const why = outcomeName(code);
  return new CausewayError(
    'nvme-outcome-unknown',
    `${row.name} may have been executed over ${path.id} or not (${why})`,
  );
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

/** What no command may be, whatever its opcode. @throws CausewayError `invalid-argument`, `nvme-command-refused` */
function checkShape(command: NvmeCommand, { name }: PassthroughRow): void {
  const { opcode, bytes, data } = command;
  const dwords = [command.nsid, command.cdw2, command.cdw3, ...command.cdws];
  if (!isWhole(opcode, 0xff) || command.cdws.length !== 6 || !dwords.every((dword) => isWhole(dword, 0xffff_ffff))) {
    throw new CausewayError('invalid-argument', 'an NVMe command has an opcode of 8 bits and dwords of 32 bits');
  }
  if (!isWhole(bytes, passthroughBytes) || !isWhole(command.timeoutMs, 0xffff_ffff)) {
    throw new CausewayError('invalid-argument', `${name} moves ${bytes} bytes; up to ${passthroughBytes} are possible`);
  }
  if (isBidirectional(opcode) && bytes > 0) {
    throw new CausewayError('nvme-command-refused', `${name} moves data both ways, which is not possible here`);
  }
  const isOut = directionOf(opcode) === direction.out && bytes > 0;
  if (isOut !== (data !== null) || (data !== null && data.length !== bytes)) {
    throw new CausewayError('invalid-argument', `${name} brings other data than its opcode and length say`);
  }
  if (bytes > 0 && directionOf(opcode) === direction.none) {
    throw new CausewayError('invalid-argument', `${name} moves no data, by its opcode, but has a length`);
  }
}

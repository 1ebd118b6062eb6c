/**
 * Commands of the admin queue: admin command set and fabrics commands (NVMe Base, "Admin Command Set", "Fabrics Command
 * Set"). All but Asynchronous Event Request end where they are executed.
 */
import {
  readAbortSqe,
  readCrossControllerResetSqe,
  readFeaturesSqe,
  readGetLogPageSqe,
  readIdentifySqe,
} from '../fabric/nvme-tcp/admin-sqe.ts';
import { adminOpcode, cns, fctype, identifyBytes } from '../fabric/nvme-tcp/constants.ts';
import { readPropertySqe } from '../fabric/nvme-tcp/fabrics-sqe.ts';
import { sqeFctype, sqeSglLength } from '../fabric/nvme-tcp/sqe.ts';
import type { Command } from './command.ts';
import type { Controller } from './controller.ts';
import { resetOther } from './cross-reset.ts';
import { featureBytes, getFeature, setFeature } from './features.ts';
import { identify } from './identify.ts';
import { getLogPage } from './log-pages.ts';
import { getProperty, setProperty } from './property-commands.ts';
import { checkSgl } from './intake.ts';
import type { CommandHandler, Queue } from './queue.ts';
import { sc } from './status-codes.ts';

/** Data that a command of the host may bring on the admin queue; no command that we know brings more. */
const mostFromHost = 4096;

/** What a discovery controller understands (NVMe Base, "Discovery Controller Requirements"). */
const discoveryOpcodes: ReadonlySet<number> = new Set([
  adminOpcode.getLogPage,
  adminOpcode.identify,
  adminOpcode.setFeatures,
  adminOpcode.getFeatures,
  adminOpcode.asyncEventRequest,
  adminOpcode.keepAlive,
]);

export class AdminHandler implements CommandHandler {
  accept(queue: Queue, command: Command, view: DataView, at: number): number {
    const controller = queue.controller!;
    command.keepSqe(view, at);
    const { opcode } = command;
    if (opcode === adminOpcode.fabrics) return this.#acceptFabrics(view, at);
    if (!controller.ready) return sc.commandSequenceError;
    if (controller.kind === 'discovery' && !discoveryOpcodes.has(opcode)) return sc.invalidOpcode;
    switch (opcode) {
      case adminOpcode.identify:
        return this.#data(queue, command, view, at, identifyBytes, true);
      case adminOpcode.getLogPage: {
        const { bytes } = readGetLogPageSqe(view, at);
        if (bytes > queue.subsystem.config.limits.mdtsBytes) return sc.invalidField;
        return this.#data(queue, command, view, at, bytes, true);
      }
      case adminOpcode.getFeatures: {
        const feature = readFeaturesSqe(view, at);
        const bytes = featureBytes(feature);
        return bytes === 0 ? sc.success : this.#data(queue, command, view, at, bytes, true);
      }
      case adminOpcode.setFeatures: {
        const bytes = sqeSglLength(view, at);
        if (bytes === 0) return sc.success;
        return bytes > mostFromHost ? sc.invalidField : this.#data(queue, command, view, at, bytes, false);
      }
      case adminOpcode.abort:
      case adminOpcode.asyncEventRequest:
      case adminOpcode.keepAlive:
      case adminOpcode.crossControllerReset:
        return sc.success;
      default:
        return sc.invalidOpcode;
    }
  }

  #acceptFabrics(view: DataView, at: number): number {
    switch (sqeFctype(view, at)) {
      case fctype.propertyGet:
      case fctype.propertySet:
        return sc.success;
      case fctype.connect:
        return sc.commandSequenceError;
      default:
        return sc.invalidOpcode;
    }
  }

  #data(queue: Queue, command: Command, view: DataView, at: number, bytes: number, toHost: boolean): number {
    command.dataLength = bytes;
    command.toHost = toHost;
    return checkSgl(queue, view, at, bytes, toHost);
  }

  requestDone(): void {
    // No block request is ever made here.
  }

  execute(queue: Queue, command: Command): void {
    const controller = queue.controller!;
    const entry = command.sqe!;
    if (command.opcode === adminOpcode.asyncEventRequest) {
      queue.park(command);
      if (!controller.events.park(command)) queue.unpark(command, sc.asyncEventLimitExceeded, 0);
      return;
    }
    queue.complete(command, this.#status(queue, controller, command, entry));
  }

  #status(queue: Queue, controller: Controller, command: Command, entry: DataView): number {
    const { view } = queue.memory;
    switch (command.opcode) {
      case adminOpcode.fabrics:
        return sqeFctype(entry, 0) === fctype.propertyGet
          ? getProperty(controller, readPropertySqe(entry, 0), command)
          : setProperty(controller, readPropertySqe(entry, 0));
      case adminOpcode.identify: {
        const wanted = readIdentifySqe(entry, 0);
        if (controller.kind === 'discovery' && wanted.cns !== cns.controller) return sc.invalidField;
        return identify(controller, wanted, view, command.buffer);
      }
      case adminOpcode.getLogPage:
        return getLogPage(controller, readGetLogPageSqe(entry, 0), view, command.buffer);
      case adminOpcode.getFeatures:
        return getFeature(controller, readFeaturesSqe(entry, 0), command, view);
      case adminOpcode.setFeatures:
        return setFeature(controller, readFeaturesSqe(entry, 0), command);
      case adminOpcode.keepAlive:
        controller.keepAlive();
        return sc.success;
      case adminOpcode.crossControllerReset:
        return resetOther(controller, readCrossControllerResetSqe(entry, 0), (dword0) => {
          command.dword0 = dword0;
        });
      default:
        return this.#abort(controller, command, entry);
    }
  }

  /** Bit 0 of dword 0 says that the command did not end by this: what executes already runs its course. */
  #abort(controller: Controller, command: Command, entry: DataView): number {
    const { sqid, cid } = readAbortSqe(entry, 0);
    const aborted = sqid === 0 ? abortEventRequest(controller, cid) : controller.queue(sqid)?.callBack(cid);
    if (aborted !== true) command.dword0 = 1;
    return sc.success;
  }
}

/** Nothing else on the admin queue waits long enough to be aborted. */
function abortEventRequest(controller: Controller, cid: number): boolean {
  const { admin, events } = controller;
  const request = admin?.parkedCommand(cid) ?? null;
  if (admin === null || request === null) return false;
  events.unpark(request);
  admin.unpark(request, sc.abortRequested, 0);
  return true;
}

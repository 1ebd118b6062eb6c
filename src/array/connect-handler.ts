/**
 * Connect, the first command of every connection (NVMe Base, "Connect Command and Response"): it says which subsystem,
 * controller and queue the connection belongs to. A refused Connect may be tried again on the same connection.
 */
import { defined } from '../base/assert.ts';
import type { ControllerPlan } from '../fabric/nvme-tcp/auth/controller-side.ts';
import { groupByName, hashByName } from '../fabric/nvme-tcp/auth/names.ts';
import {
  authreq,
  cattrNoFlowControl,
  type ConnectCommand,
  invalidParameterDword,
  readConnectSqe,
} from '../fabric/nvme-tcp/fabrics-sqe.ts';
import { type ConnectData, connectData, connectDataBytes, readConnectData } from '../fabric/nvme-tcp/connect-data.ts';
import { adminOpcode, cntlidDynamic, fctype } from '../fabric/nvme-tcp/constants.ts';
import { discoveryNqn, nqnProblem } from '../fabric/nvme-tcp/nqn.ts';
import { sqeFctype } from '../fabric/nvme-tcp/sqe.ts';
import { Authentication } from './authentication.ts';
import type { Command } from './command.ts';
import type { ArrayConfig } from './config.ts';
import type { Controller, ControllerKind } from './controller.ts';
import { checkSgl } from './intake.ts';
import type { CommandHandler, Queue } from './queue.ts';
import { sc } from './status-codes.ts';

/** Bytes of the entry that a refusal may point to. */
const inEntry = { qid: 42, sqsize: 44, kato: 48 } as const;

/** Handlers that a connection may get. */
export interface Handlers {
  readonly admin: CommandHandler;
  readonly io: CommandHandler;
}

export class ConnectHandler implements CommandHandler {
  readonly #handlers: Handlers;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  accept(queue: Queue, command: Command, view: DataView, at: number): number {
    if (command.opcode !== adminOpcode.fabrics || sqeFctype(view, at) !== fctype.connect)
      return sc.commandSequenceError;
    command.keepSqe(view, at);
    command.dataLength = connectDataBytes;
    return checkSgl(queue, view, at, connectDataBytes, false);
  }

  execute(queue: Queue, command: Command): void {
    const connect = readConnectSqe(command.sqe!, 0);
    const data = readConnectData(queue.memory.view, command.buffer);
    queue.complete(command, this.#connect(queue, command, connect, data));
  }

  requestDone(): void {
    // No block request is ever made here.
  }

  #connect(queue: Queue, command: Command, connect: ConnectCommand, data: ConnectData): number {
    const { config } = queue.subsystem;
    if (connect.recfmt !== 0) return sc.incompatibleFormat;
    const offers = queue.port.offers;
    let kind: ControllerKind;
    if (data.subnqn === config.subnqn && offers !== 'discovery') kind = 'io';
    else if (data.subnqn === discoveryNqn && offers !== 'subsystem') kind = 'discovery';
    else return invalid(command, connectData.subnqn, true);
    const { hostnqn } = data;
    if (hostnqn === null || nqnProblem(hostnqn) !== null) return invalid(command, connectData.hostnqn, true);
    if (kind === 'io' && !mayConnect(config, hostnqn)) return sc.connectInvalidHost;
    return connect.qid === 0
      ? this.#admin(queue, command, connect, data, kind, hostnqn)
      : this.#io(queue, command, connect, data, kind, hostnqn);
  }

  #admin(
    queue: Queue,
    command: Command,
    connect: ConnectCommand,
    data: ConnectData,
    kind: ControllerKind,
    hostnqn: string,
  ): number {
    const { subsystem } = queue;
    // The dynamic controller model: a host that asks for one controller by its id asks for what is not there.
    if (data.cntlid !== cntlidDynamic) return invalid(command, connectData.cntlid, true);
    if (connect.sqsize === 0 || connect.sqsize >= subsystem.config.limits.maxAdminQueueEntries) {
      return invalid(command, inEntry.sqsize, false);
    }
    const host = { hostnqn, hostid: data.hostid };
    const controller = subsystem.newController(queue.port, kind, host, connect.kato);
    if (controller === null) return sc.controllerBusy;
    this.#join(queue, command, controller, connect, this.#handlers.admin);
    return sc.success;
  }

  #io(
    queue: Queue,
    command: Command,
    connect: ConnectCommand,
    data: ConnectData,
    kind: ControllerKind,
    hostnqn: string,
  ): number {
    const { subsystem } = queue;
    const controller = subsystem.controllers.get(data.cntlid);
    if (controller === undefined || controller.ended || controller.port !== queue.port || controller.kind !== kind) {
      return invalid(command, connectData.cntlid, true);
    }
    if (controller.host.hostnqn !== hostnqn || controller.host.hostid !== data.hostid) return sc.connectInvalidHost;
    if (kind === 'discovery' || connect.qid > controller.ioQueues) return invalid(command, inEntry.qid, false);
    if (!controller.ready || !controller.acceptsIo || controller.queue(connect.qid) !== null) {
      return sc.commandSequenceError;
    }
    if (connect.sqsize === 0 || connect.sqsize >= subsystem.config.limits.maxQueueEntries) {
      return invalid(command, inEntry.sqsize, false);
    }
    this.#join(queue, command, controller, connect, this.#handlers.io);
    return sc.success;
  }

  #join(
    queue: Queue,
    command: Command,
    controller: Controller,
    connect: ConnectCommand,
    handler: CommandHandler,
  ): void {
    const flowControl = (connect.cattr & cattrNoFlowControl) === 0;
    queue.become(controller, connect.qid, connect.sqsize + 1, handler, flowControl);
    controller.addQueue(connect.qid, queue);
    command.dword0 = controller.cntlid;
    const plan = planFor(queue.subsystem.config, controller);
    if (plan === null) return;
    command.dword0 |= authreq.transaction;
    new Authentication(queue, plan, handler).begin();
  }
}

/** Hosts that are named with a secret or without; all, where none is. */
function mayConnect({ hosts, dhchap }: ArrayConfig, hostnqn: string): boolean {
  if (dhchap !== null && dhchap.hosts.some((host) => host.hostnqn === hostnqn)) return true;
  return hosts.length === 0 ? dhchap === null : hosts.includes(hostnqn);
}

/** How the host of a controller has to authenticate; null: it does not have to. */
function planFor({ dhchap, subnqn }: ArrayConfig, { kind, host: { hostnqn } }: Controller): ControllerPlan | null {
  const host = dhchap?.hosts.find((known) => known.hostnqn === hostnqn);
  if (dhchap === null || host === undefined || (kind === 'discovery' && !dhchap.discovery)) return null;
  const hash = defined(hashByName(dhchap.hash), 'a hash function');
  const group = defined(groupByName(dhchap.group), 'a group');
  const parties = { hostnqn, subnqn: kind === 'discovery' ? discoveryNqn : subnqn };
  return { parties, secrets: host.secrets, hash, group };
}

/** Connect Invalid Parameters, with the place of the wrong one. */
function invalid(command: Command, offset: number, inData: boolean): number {
  command.dword0 = invalidParameterDword(offset, inData);
  return sc.connectInvalid;
}

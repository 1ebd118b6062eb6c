/**
 * Data that a command asks the host for: R2Ts out, H2CData in (NVMe/TCP Transport, "R2T" and "H2CData PDU"). All of it
 * is gathered before the command is executed. A transfer tag names the command's slot and one of its R2T places, so that
 * several R2Ts of a command may be answered in any order.
 */
import { fes, pduFlag } from '../fabric/nvme-tcp/constants.ts';
import { ch, dataPdu, r2t, writeR2t } from '../fabric/nvme-tcp/pdu.ts';
import { type Command, phase, r2tPlaces } from './command.ts';
import type { Intake } from './intake.ts';
import type { Queue } from './queue.ts';
import { sc } from './status-codes.ts';

/** Sends as many R2Ts as the host takes at once; false if there was no room for one of them. */
export function askForData(queue: Queue, command: Command): boolean {
  const { connection } = queue;
  const { maxr2t, r2tBytes } = queue.subsystem.config.limits;
  const most = connection.maxR2t < maxr2t ? connection.maxR2t : maxr2t;
  while (asksForMore(command) && command.r2tOutstanding < most) {
    const at = connection.reserve(r2t.bytes);
    if (at < 0) return false;
    let place = 0;
    while (command.r2tEnd[place] !== 0) place += 1;
    const left = command.dataLength - command.asked;
    const bytes = left < r2tBytes ? left : r2tBytes;
    const ttag = command.tag * r2tPlaces + place;
    writeR2t(queue.memory.view, at, connection.digests, command.cid, ttag, command.asked, bytes);
    connection.queue(at);
    command.r2tAt[place] = command.asked;
    command.asked += bytes;
    command.r2tEnd[place] = command.asked;
    command.r2tOutstanding += 1;
  }
  return true;
}

/** There is data that it has not asked for; what is refused or aborted asks for no more. */
export function asksForMore(command: Command): boolean {
  return command.asked < command.dataLength && command.status === sc.success;
}

/** Forgets what an earlier command in this slot asked for. */
export function beginAsking(command: Command): void {
  command.asked = 0;
  command.moved = 0;
  command.r2tOutstanding = 0;
  command.r2tAt.fill(0);
  command.r2tEnd.fill(0);
}

/** Packed as in pdu-check.ts: fatal error status, and information from bit 8 on. */
function fatal(status: number, information: number): number {
  return status | (information << 8);
}

/**
 * Takes the payload of the H2CData with its header at `at`, if an R2T asked for exactly that.
 * Returns 0, or the fatal error that ends the connection.
 */
export function acceptH2cData(intake: Intake, at: number): number {
  const { queue } = intake;
  const { view } = queue.memory;
  const ttag = view.getUint16(at + dataPdu.ttag, true);
  const place = ttag % r2tPlaces;
  const command = queue.slots.commands[(ttag - place) / r2tPlaces];
  if (command === undefined || command.phase !== phase.gathering || command.r2tEnd[place] === 0) {
    return fatal(fes.invalidHeaderField, dataPdu.ttag);
  }
  if (view.getUint16(at + dataPdu.cccid, true) !== command.cid) return fatal(fes.invalidHeaderField, dataPdu.cccid);
  const offset = view.getUint32(at + dataPdu.datao, true);
  const bytes = view.getUint32(at + dataPdu.datal, true);
  const end = command.r2tEnd[place]!;
  // In order within an R2T, without gaps: anything else would leave bytes that nobody wrote.
  if (offset !== command.r2tAt[place] || bytes > end - offset) return fatal(fes.dataOutOfRange, 0);
  const last = (view.getUint8(at + ch.flags) & pduFlag.lastPdu) !== 0;
  if (last !== (offset + bytes === end)) return fatal(fes.invalidHeaderField, ch.flags);
  intake.incomingBytes = bytes;
  intake.incomingPlace = place;
  queue.connection.receiveData(command.buffer + offset, command.tag);
  return 0;
}

/** The payload that `acceptH2cData` took is there. True if the command waits for no more data. */
export function h2cDataDone(intake: Intake, command: Command): boolean {
  const place = intake.incomingPlace;
  const reached = command.r2tAt[place]! + intake.incomingBytes;
  command.moved += intake.incomingBytes;
  command.r2tAt[place] = reached;
  if (reached === command.r2tEnd[place]) {
    command.r2tEnd[place] = 0;
    command.r2tOutstanding -= 1;
  }
  return command.r2tOutstanding === 0 && !asksForMore(command);
}

/** Reservation commands (NVMe Base, "Reservation Register command" and its like): from the entry and its data to the volume. */
import { ioOpcode } from '../fabric/nvme-tcp/constants.ts';
import {
  extendedData,
  ignoreExistingKey,
  oneKeyBytes,
  reservationStatusBytes,
  twoKeysBytes,
  writeReservationStatus,
} from '../fabric/nvme-tcp/reservation.ts';
import { sqe } from '../fabric/nvme-tcp/sqe.ts';
import { zero } from '../fabric/nvme-tcp/wire.ts';
import type { Command } from './command.ts';
import type { Reservations } from './reservations.ts';
import { sc } from './status-codes.ts';

/** CPTPL, bits 31:30 of a register's CDW10: set persistence through a loss of power. */
const cptplSet = 3;

export function isReservation(opcode: number): boolean {
  return (
    opcode === ioOpcode.reservationRegister ||
    opcode === ioOpcode.reservationReport ||
    opcode === ioOpcode.reservationAcquire ||
    opcode === ioOpcode.reservationRelease
  );
}

/** Fills in what the command is about, from the entry at `at`: CDW10 and how much data it has. Returns the status. */
export function acceptReservation(command: Command, view: DataView, at: number, mostBytes: number): number {
  command.cdw10 = view.getUint32(at + sqe.cdw10, true);
  command.toHost = command.opcode === ioOpcode.reservationReport;
  if (command.toHost) {
    // Hosts have identifiers of 128 bits here, which only the extended structure has room for.
    if ((view.getUint32(at + sqe.cdw11, true) & extendedData) === 0) return sc.hostIdInconsistent;
    const bytes = (command.cdw10 + 1) * 4;
    if (bytes > mostBytes) return sc.invalidField;
    command.dataLength = bytes;
    return sc.success;
  }
  if (command.opcode === ioOpcode.reservationRegister && command.cdw10 >>> 30 === cptplSet) return sc.invalidField;
  command.dataLength = command.opcode === ioOpcode.reservationRelease ? oneKeyBytes : twoKeysBytes;
  return sc.success;
}

/** Carries it out; all of its data is there. Returns the status. */
export function executeReservation(
  reservations: Reservations,
  hostid: string,
  { opcode, cdw10, buffer, dataLength }: Command,
  view: DataView,
): number {
  if (opcode === ioOpcode.reservationReport) {
    report(reservations, view, buffer, dataLength);
    return sc.success;
  }
  const common = {
    hostid,
    action: cdw10 & 7,
    ignoresKey: (cdw10 & ignoreExistingKey) !== 0,
    key: view.getBigUint64(buffer, true),
  };
  const rtype = (cdw10 >>> 8) & 0xff;
  if (opcode === ioOpcode.reservationRelease) return reservations.release({ ...common, rtype });
  const second = view.getBigUint64(buffer + 8, true);
  if (opcode === ioOpcode.reservationRegister) return reservations.register({ ...common, newKey: second });
  return reservations.acquire({ ...common, rtype, preempted: second });
}

/** As much of it as was asked for. */
function report(reservations: Reservations, view: DataView, at: number, length: number): void {
  const { status } = reservations;
  const whole = new DataView(new ArrayBuffer(reservationStatusBytes(status.registrants.length)));
  writeReservationStatus(whole, 0, status);
  zero(view, at, length);
  const bytes = new Uint8Array(whole.buffer, 0, Math.min(length, whole.byteLength));
  new Uint8Array(view.buffer, view.byteOffset + at, bytes.length).set(bytes);
}

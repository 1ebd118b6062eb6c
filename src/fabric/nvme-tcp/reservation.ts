/**
 * Reservations (NVMe Base, "Reservations"; commands 0Dh, 0Eh, 11h, 15h): the dwords and data of the commands, and the
 * reservation status that a report brings. Keys are 64-bit numbers that the hosts choose.
 */
import { malformed, readHex, requireBytes, writeHex, zero } from './wire.ts';

/** RTYPE. */
export const reservationTypes: readonly string[] = [
  'none',
  'write-exclusive',
  'exclusive-access',
  'write-exclusive-registrants-only',
  'exclusive-access-registrants-only',
  'write-exclusive-all-registrants',
  'exclusive-access-all-registrants',
];

/** Actions, in bits 2:0 of CDW10: RREGA, RACQA, RRELA. */
export const registerAction = { register: 0, unregister: 1, replace: 2 } as const;
export const acquireAction = { acquire: 0, preempt: 1, preemptAndAbort: 2 } as const;
export const releaseAction = { release: 0, clear: 1 } as const;

/** CDW10: the host's current key is not looked at (IEKEY). */
export const ignoreExistingKey = 8;
/** CDW11 of a report: host identifiers have 128 bits (EDS), which fabrics demand. */
export const extendedData = 1;

/** Bytes of data: two keys with register and acquire, one with release. */
export const twoKeysBytes = 16;
export const oneKeyBytes = 8;

/** CDW10 of acquire and release. */
export function reservationDword(action: number, type: number, ignoresKey: boolean): number {
  return action | (ignoresKey ? ignoreExistingKey : 0) | (type << 8);
}

export function keyBytes(...keys: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * keys.length));
  for (const [index, key] of keys.entries()) view.setBigUint64(8 * index, key, true);
  return new Uint8Array(view.buffer);
}

/** One registered controller of a host. */
export interface Registrant {
  /** 0xffff: not told (dynamic controllers). */
  readonly cntlid: number;
  /** Its host holds the reservation. */
  readonly isHolder: boolean;
  /** 32 hexadecimal digits. */
  readonly hostid: string;
  readonly key: bigint;
}

export interface ReservationStatus {
  /** Grows with every registration and preemption. */
  readonly generation: number;
  /** Index into `reservationTypes`. */
  readonly type: number;
  /** Registrations outlive a loss of power. */
  readonly isPersistent: boolean;
  readonly registrants: readonly Registrant[];
}

const header = { bytes: 64, gen: 0, rtype: 4, regctl: 5, ptpls: 9 } as const;
const entry = { bytes: 64, cntlid: 0, rcsts: 2, rkey: 8, hostid: 16 } as const;
const hostIdBytes = 16;

export function reservationStatusBytes(registrants: number): number {
  return header.bytes + registrants * entry.bytes;
}

/**
 * Reads an extended status of which `length` bytes were received; those registrants that they hold.
 * @throws CausewayError `nvme-malformed`
 */
export function readReservationStatus(view: DataView, at: number, length: number): ReservationStatus {
  requireBytes(view, at, length, 'the reservation status');
  if (length < header.bytes) throw malformed(`a reservation status of ${length} bytes`);
  const type = view.getUint8(at + header.rtype);
  if (type >= reservationTypes.length) throw malformed(`a reservation of the unknown type ${type}`);
  const said = view.getUint16(at + header.regctl, true);
  const held = Math.min(said, Math.floor((length - header.bytes) / entry.bytes));
  return {
    generation: view.getUint32(at + header.gen, true),
    type,
    isPersistent: (view.getUint8(at + header.ptpls) & 1) !== 0,
    registrants: Array.from({ length: held }, (_registrant, index) => {
      const place = at + header.bytes + index * entry.bytes;
      return {
        cntlid: view.getUint16(place + entry.cntlid, true),
        isHolder: (view.getUint8(place + entry.rcsts) & 1) !== 0,
        hostid: readHex(view, place + entry.hostid, hostIdBytes),
        key: view.getBigUint64(place + entry.rkey, true),
      };
    }),
  };
}

/** Writes `reservationStatusBytes` of it at `at`. */
export function writeReservationStatus(view: DataView, at: number, status: ReservationStatus): void {
  const { registrants } = status;
  zero(view, at, reservationStatusBytes(registrants.length));
  view.setUint32(at + header.gen, status.generation, true);
  view.setUint8(at + header.rtype, status.type);
  view.setUint16(at + header.regctl, registrants.length, true);
  view.setUint8(at + header.ptpls, Number(status.isPersistent));
  for (const [index, registrant] of registrants.entries()) {
    const place = at + header.bytes + index * entry.bytes;
    view.setUint16(place + entry.cntlid, registrant.cntlid, true);
    view.setUint8(place + entry.rcsts, Number(registrant.isHolder));
    view.setBigUint64(place + entry.rkey, registrant.key, true);
    writeHex(view, place + entry.hostid, hostIdBytes, registrant.hostid);
  }
}

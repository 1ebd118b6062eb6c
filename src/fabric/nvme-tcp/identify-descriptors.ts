/**
 * Namespace Identification Descriptor list, Identify CNS 03h (NVMe Base, "Namespace Identification Descriptor").
 */
import { csi as commandSet, identifyBytes } from './constants.ts';
import { malformed, readHex, requireBytes, writeHex, zero } from './wire.ts';

/** NIDT, and the length (NIDL) that belongs to each. */
const nidt = { eui64: 1, nguid: 2, uuid: 3, csi: 4 } as const;
const nidl = { eui64: 8, nguid: 16, uuid: 16, csi: 1 } as const;
const headerBytes = 4;

export interface NamespaceDescriptors {
  /** Hexadecimal digits, without hyphens; null = not in the list. */
  readonly eui64: string | null;
  readonly nguid: string | null;
  readonly uuid: string | null;
  /** The I/O command set; NVM if the list does not say. */
  readonly csi: number;
}

/**
 * Descriptors of types that are not known are skipped. The first of each type counts.
 * @throws CausewayError `nvme-malformed` if it is short, a known descriptor has a wrong length, or one runs over the end
 */
export function readNamespaceDescriptors(view: DataView, at: number): NamespaceDescriptors {
  requireBytes(view, at, identifyBytes, 'the namespace descriptor list');
  const end = at + identifyBytes;
  let eui64: string | null = null;
  let nguid: string | null = null;
  let uuid: string | null = null;
  let csi: number | null = null;
  let place = at;
  while (place + headerBytes <= end) {
    const type = view.getUint8(place);
    const length = view.getUint8(place + 1);
    // A length of 0 ends the list.
    if (length === 0) break;
    const value = place + headerBytes;
    if (value + length > end)
      throw malformed(`a namespace descriptor of ${length} bytes that runs over the list's end`);
    if (type === nidt.eui64) {
      expectLength(type, length, nidl.eui64);
      eui64 ??= readHex(view, value, length);
    } else if (type === nidt.nguid) {
      expectLength(type, length, nidl.nguid);
      nguid ??= readHex(view, value, length);
    } else if (type === nidt.uuid) {
      expectLength(type, length, nidl.uuid);
      uuid ??= readHex(view, value, length);
    } else if (type === nidt.csi) {
      expectLength(type, length, nidl.csi);
      csi ??= view.getUint8(value);
    }
    place = value + length;
  }
  return { eui64, nguid, uuid, csi: csi ?? commandSet.nvm };
}

function expectLength(type: number, length: number, expected: number): void {
  if (length !== expected)
    throw malformed(`a namespace descriptor of type ${type} with ${length} bytes instead of ${expected}`);
}

/** Writes all 4096 bytes; null descriptors are left out, the command set is always there. */
export function writeNamespaceDescriptors(view: DataView, at: number, data: NamespaceDescriptors): void {
  zero(view, at, identifyBytes);
  let place = at;
  for (const name of ['eui64', 'nguid', 'uuid'] as const) {
    const value = data[name];
    if (value === null) continue;
    view.setUint8(place, nidt[name]);
    view.setUint8(place + 1, nidl[name]);
    writeHex(view, place + headerBytes, nidl[name], value);
    place += headerBytes + nidl[name];
  }
  view.setUint8(place, nidt.csi);
  view.setUint8(place + 1, nidl.csi);
  view.setUint8(place + headerBytes, data.csi);
}

/**
 * Which of a namespace's identifiers tells the volume from all others: NGUID, else UUID, else EUI-64. An identifier of
 * zeroes only is no identifier (NVMe Base, "Unique Identifier"): arrays that leave it out would make all their volumes one.
 */
import type { NamespaceDescriptors } from './identify-descriptors.ts';
import type { IdentifyNamespace } from './identify-namespace.ts';

export interface VolumeIdentifier {
  readonly type: 'nguid' | 'uuid' | 'eui';
  /** Canonical, e.g. `nguid.0123…`, `uuid.01234567-…`, `eui.0123…`; lower case. */
  readonly id: string;
}

function present(hex: string | null | undefined): string | null {
  if (hex === null || hex === undefined) return null;
  const digits = hex.replaceAll('-', '').toLowerCase();
  return /^0*$/.test(digits) ? null : digits;
}

/** 32 hexadecimal digits with the hyphens of a UUID. */
export function hyphenated(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * The volume's identifier, from the descriptor list (null where the controller has none) and the namespace data, which
 * hold the same NGUID and EUI-64. Null if the namespace has no identifier: then no two paths of it can be known as one.
 */
export function identifierOf(
  descriptors: Pick<NamespaceDescriptors, 'nguid' | 'uuid' | 'eui64'> | null,
  namespace: Pick<IdentifyNamespace, 'nguid' | 'eui64'>,
): VolumeIdentifier | null {
  const nguid = present(descriptors?.nguid) ?? present(namespace.nguid);
  if (nguid !== null) return { type: 'nguid', id: `nguid.${nguid}` };
  const uuid = present(descriptors?.uuid);
  if (uuid !== null) return { type: 'uuid', id: `uuid.${hyphenated(uuid)}` };
  const eui64 = present(descriptors?.eui64) ?? present(namespace.eui64);
  if (eui64 !== null) return { type: 'eui', id: `eui.${eui64}` };
  return null;
}

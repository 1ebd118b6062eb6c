/**
 * Namespace lists: Active Namespace ID list (Identify CNS 02h) and the Changed Attached Namespace List log page (04h).
 * Both are 1024 ascending namespace identifiers, ended by a 0 (NVMe Base, "Namespace List").
 */
import { identifyBytes, nsidAll } from './constants.ts';
import { malformed, requireBytes, zero } from './wire.ts';

export const namespaceListBytes = identifyBytes;
export const namespaceListEntries = namespaceListBytes / 4;

/**
 * Identifiers up to the first 0. A full list means that there may be more: ask again from the last one on.
 * @throws CausewayError `nvme-malformed` if it is short, not ascending, or names the broadcast identifier
 */
export function readNamespaceList(view: DataView, at: number): number[] {
  requireBytes(view, at, namespaceListBytes, 'a namespace list');
  const list: number[] = [];
  let last = 0;
  for (let i = 0; i < namespaceListEntries; i += 1) {
    const nsid = view.getUint32(at + 4 * i, true);
    if (nsid === 0) break;
    // A list that does not ascend would make whoever pages through it go round for ever.
    if (nsid <= last || nsid === nsidAll) throw malformed(`a namespace list with ${nsid} after ${last}`);
    list.push(nsid);
    last = nsid;
  }
  return list;
}

/** Writes the first 1024 of the given ascending identifiers that are above `after`. */
export function writeNamespaceList(view: DataView, at: number, nsids: readonly number[], after: number): void {
  zero(view, at, namespaceListBytes);
  let place = at;
  for (const nsid of nsids) {
    if (nsid <= after) continue;
    if (place === at + namespaceListBytes) break;
    view.setUint32(place, nsid, true);
    place += 4;
  }
}

/**
 * The changed attached namespaces, or null: too many changed, read everything again.
 * @throws CausewayError `nvme-malformed` as `readNamespaceList`
 */
export function readChangedNamespaces(view: DataView, at: number): number[] | null {
  requireBytes(view, at, namespaceListBytes, 'the changed namespace list');
  return view.getUint32(at, true) === nsidAll ? null : readNamespaceList(view, at);
}

/** Null, or more than fit: the list that says "too many". */
export function writeChangedNamespaces(view: DataView, at: number, nsids: readonly number[] | null): void {
  if (nsids !== null && nsids.length <= namespaceListEntries) {
    writeNamespaceList(view, at, nsids, 0);
    return;
  }
  zero(view, at, namespaceListBytes);
  view.setUint32(at, nsidAll, true);
}

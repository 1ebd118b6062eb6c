/** Payload memory is a budget of the host: from it follow the size and number of a kernel device's request slots. */

/** Payload memory of all kernel devices of a process together, unless said otherwise. */
export const pageBudget = 256 * 1024 * 1024;

export interface PayloadPlan {
  readonly payloadBytes: number;
  readonly entriesPerQueue: number;
}

const largest = 1024 * 1024;
const smallest = 128 * 1024;
/** Enough to keep a path busy; more only when there is room. */
const fewestEntries = 16;
const mostEntries = 64;
/**
 * What a device gets where the budget is used up: one that could not be served at all would help nobody. Slots stand in
 * a reactor's memory of 1 GiB of address space, and take room only once they are used: with two queues a device, 256
 * devices of the first kind take as much as the budget again, and all that come after them half a gigabyte at most.
 */
const beyond: PayloadPlan = { payloadBytes: 64 * 1024, entriesPerQueue: 8 };
const farBeyond: PayloadPlan = { payloadBytes: 32 * 1024, entriesPerQueue: 4 };

/** What one more device may take of what is left: large payloads while there is plenty, then smaller ones. */
export function planPayload(leftBytes: number, queues: number): PayloadPlan {
  // A device takes at most half of what is left, so that the next ones find something.
  const share = leftBytes / 2 / Math.max(1, queues);
  for (let payloadBytes = largest; payloadBytes > smallest; payloadBytes /= 2) {
    const entries = Math.floor(share / payloadBytes);
    if (entries >= fewestEntries * 2) return { payloadBytes, entriesPerQueue: Math.min(entries, mostEntries) };
  }
  const entries = Math.floor(share / smallest);
  if (entries >= fewestEntries) return { payloadBytes: smallest, entriesPerQueue: Math.min(entries, mostEntries) };
  return leftBytes > -pageBudget ? beyond : farBeyond;
}

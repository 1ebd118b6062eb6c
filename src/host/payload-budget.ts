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
 * What one more device may take of what is left: large payloads while there is plenty, then smaller ones, never fewer
 * than `fewestEntries` slots of the smallest size: a device that could not be served at all would help nobody.
 */
export function planPayload(leftBytes: number, queues: number): PayloadPlan {
  // A device takes at most half of what is left, so that the next ones find something.
  const share = leftBytes / 2 / Math.max(1, queues);
  for (let payloadBytes = largest; payloadBytes > smallest; payloadBytes /= 2) {
    const entries = Math.floor(share / payloadBytes);
    if (entries >= fewestEntries * 2) return { payloadBytes, entriesPerQueue: Math.min(entries, mostEntries) };
  }
  const entries = Math.floor(share / smallest);
  return { payloadBytes: smallest, entriesPerQueue: Math.max(fewestEntries, Math.min(entries, mostEntries)) };
}

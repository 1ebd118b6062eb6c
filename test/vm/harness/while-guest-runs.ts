/** For tests whose one half runs on the host and the other in a guest. */
import { type GuestResult, type GuestRun, runInGuest } from './guest.ts';

/**
 * Runs `body` once the guest's program has printed the line `ready`. Resolves when both are over: `body` makes the program
 * end, or its time does, or a failure of `body`.
 */
export async function whileGuestRuns(
  options: GuestRun,
  ready: string,
  body: () => Promise<void>,
): Promise<GuestResult> {
  const failed = new AbortController();
  const halves: Promise<void>[] = [];
  const result = await runInGuest({
    ...options,
    signal: failed.signal,
    onLine: (line) => {
      if (line === ready && halves.length === 0) {
        const half = body();
        // It is awaited below; until then there is nothing to wait for in the guest.
        half.catch(() => failed.abort());
        halves.push(half);
      } else console.log(line);
    },
  });
  if (halves.length === 0) throw new Error(`the guest ended with ${result.code}: ${result.console.slice(-2000)}`);
  await Promise.all(halves);
  return result;
}

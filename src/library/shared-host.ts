/**
 * The one host of this process: started for its first user and stopped with its last one, so that a program that has
 * closed everything can end by itself.
 */
import { CausewayError } from '../base/errors.ts';
import { type CausewayHost, startHost } from '../host/host.ts';

let host: CausewayHost | null = null;
let users = 0;
/** Starts and stops wait for each other: nobody gets a host that is about to stop. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

/** Each call is paired with one of `releaseHost`. @throws CausewayError `io-uring-unavailable`, `out-of-memory` */
export function acquireHost(): Promise<CausewayHost> {
  return inTurn(async () => {
    host ??= await startHost();
    users += 1;
    return host;
  });
}

/** Resolves when the host has stopped, if this was its last user. */
export function releaseHost(): Promise<void> {
  return inTurn(async () => {
    if (users === 0) throw new CausewayError('assertion', 'a host is released more often than it was acquired');
    users -= 1;
    if (users > 0) return;
    const stopping = host;
    host = null;
    await stopping?.stop();
  });
}

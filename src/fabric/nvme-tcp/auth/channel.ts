/** Walks the host's side of an authentication over the commands of a queue: admin or I/O. Control. */
import { CausewayError } from '../../../base/errors.ts';
import type { Io } from '../../../io/contract.ts';
import { expectedError } from '../transport-error.ts';
import { compute } from './dh-work.ts';
import type { Authenticated, HostSide } from './host-side.ts';

/** Authentication Send and Receive on one queue, one at a time. Both reject when the queue ends or a command fails. */
export interface AuthenticationChannel {
  send(message: Uint8Array): Promise<void>;
  /** What the command brought; longer than the message in it. */
  receive(): Promise<Uint8Array>;
}

/**
 * Has the host's side prove itself, and the controller where it is to. It takes five commands at most, each of which its
 * queue bounds. After an error `side.failure` is what the controller is to be told.
 * @throws CausewayError `nvme-authentication-refused`, `nvme-controller-not-authentic`, `nvme-malformed`, or how the queue
 * ended
 */
export async function authenticate(io: Io, channel: AuthenticationChannel, side: HostSide): Promise<Authenticated> {
  await channel.send(side.negotiate());
  const work = side.onChallenge(await channel.receive());
  await channel.send(side.reply(await compute(io, work)));
  const { how, last } = side.onAnswer(await answer(channel));
  if (last !== null) await channel.send(last);
  return how;
}

/**
 * What the controller makes of the host's proof. Linux's target often ends the connection before the reason why it
 * refuses a host is sent (its fatal error overtakes the answer), so an end in this place is taken for a refusal.
 */
async function answer(channel: AuthenticationChannel): Promise<Uint8Array> {
  try {
    return await channel.receive();
  } catch (thrown) {
    const error = expectedError(thrown);
    if (error.code !== 'nvme-connection-lost') throw error;
    const what = `The connection ended in place of an answer to the proof of this host (${error.message})`;
    throw new CausewayError('nvme-authentication-refused', what, { cause: error });
  }
}

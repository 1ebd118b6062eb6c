/**
 * Whether a queue is to be authenticated after its Connect, and what it means if it cannot be. Each queue is a connection
 * of its own, so each is authenticated for itself.
 *
 * Whoever asks the controller to prove itself does not take no for an answer: then every queue is authenticated, also one
 * whose controller does not ask for it, for that may be somebody else in its place.
 */
import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import type { Address, Io } from '../../io/contract.ts';
import { authenticate, type AuthenticationChannel } from './auth/channel.ts';
import { type Authenticated, HostSide } from './auth/host-side.ts';
import type { DhchapSecrets } from './auth/secret.ts';
import type { ConnectResponse } from './fabrics-sqe.ts';
import { sc } from './status.ts';
import { addressText, connectError, expectedError } from './transport-error.ts';

/** What a queue must know to authenticate. */
export interface AuthenticationTarget {
  readonly address: Address;
  readonly hostnqn: string;
  readonly subnqn: string;
  /** Null: there is nothing to authenticate with. */
  readonly dhchap: DhchapSecrets | null;
}

/** Errors that another attempt does not mend, and that a lock-out may follow. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'nvme-authentication-required',
  'nvme-authentication-refused',
  'nvme-authentication-downgrade',
  'nvme-controller-not-authentic',
]);

/** True if it is a matter of secrets: somebody has to change one before it can be otherwise. */
export function isRefusal(error: CausewayError): boolean {
  return refusals.has(error.code);
}

/** True if the queue may not be used before it was authenticated. */
export function needsAuthentication(response: ConnectResponse, { dhchap }: AuthenticationTarget): boolean {
  return response.authenticationRequired || (dhchap !== null && dhchap.controller !== null);
}

/**
 * Authenticates a queue that `needsAuthentication`. `onRefused` hears of an error before the controller does: that may end
 * the connection when it is told, which then is not the reason.
 * @throws CausewayError `nvme-authentication-required`, `nvme-authentication-refused`, `nvme-controller-not-authentic`,
 * `nvme-authentication-downgrade`, `nvme-malformed`, or how the queue ended
 */
export async function authenticateQueue(
  io: Io,
  channel: AuthenticationChannel,
  response: ConnectResponse,
  target: AuthenticationTarget,
  onRefused: (error: CausewayError) => void = () => undefined,
): Promise<Authenticated> {
  const { address, subnqn, dhchap } = target;
  if (response.secureChannelRequired) {
    const where = addressText(address);
    throw new CausewayError('nvme-unsupported-controller', `${where} wants TLS for ${subnqn}, which is not in yet.`);
  }
  if (dhchap === null) throw connectError(sc.authenticationRequired, subnqn, address);
  const side = new HostSide(target, dhchap, (count) => io.secretBytes(count));
  try {
    return await authenticate(io, channel, side);
  } catch (thrown) {
    const error = meaningOf(expectedError(thrown), response, address);
    onRefused(error);
    // A courtesy: whoever does not take it finds the connection ended instead.
    if (side.failure !== null) await channel.send(side.failure).catch(() => undefined);
    throw error;
  }
}

/** What an error says of this address, to somebody who does not know how authentication goes. */
function meaningOf(error: CausewayError, response: ConnectResponse, address: Address): CausewayError {
  const where = addressText(address);
  const isAboutSecrets = isRefusal(error) || error.code === 'nvme-command-failed';
  if (!response.authenticationRequired && isAboutSecrets && error.code !== 'nvme-controller-not-authentic') {
    const what = `${where} does not ask for authentication, and does not prove itself when asked to: ${error.message}`;
    return new CausewayError('nvme-authentication-downgrade', what, { cause: error });
  }
  return isRefusal(error) ? new CausewayError(error.code, `${where}: ${error.message}`, { cause: error }) : error;
}

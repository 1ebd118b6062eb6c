/** The coded error for a connection that ended, and for a command that was refused: control path. */
import { CausewayError } from '../../base/errors.ts';
import type { Address } from '../../io/contract.ts';
import { type Breakage, breakage } from './breakage.ts';
import { fatalErrorText } from './pdu-check.ts';
import { fabricsOutcome, outcomeName, sc } from './status.ts';

/** `address:port`, IPv6 in brackets. */
export function addressText(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The errno values that a connection meets, for people. */
const errnoText: Readonly<Record<number, string>> = {
  24: 'too many files are open',
  32: 'broken pipe',
  99: 'this is not an address that can be reached',
  101: 'the network is unreachable',
  103: 'the connection was aborted',
  104: 'the peer reset the connection',
  110: 'no answer in time',
  111: 'the connection was refused',
  113: 'there is no route to the host',
};

function errnoName(result: number): string {
  return errnoText[-result] ?? `errno ${-result}`;
}

/** What of a connection the error needs. */
export interface BrokenConnection {
  readonly errno: number;
  readonly fes: number;
  readonly fei: number;
}

export function breakageError(how: Breakage, connection: BrokenConnection, address: Address): CausewayError {
  const where = addressText(address);
  const { errno, fes, fei } = connection;
  switch (how) {
    case breakage.connectFailed:
      return new CausewayError('nvme-unreachable', `Cannot connect to ${where}: ${errnoName(errno)}.`);
    case breakage.handshakeTimeout:
      return new CausewayError('nvme-timeout', `${where} does not answer as an NVMe/TCP service in time.`);
    case breakage.notNvmeTcp:
      return new CausewayError('nvme-not-nvme-tcp', `What answers at ${where} does not speak NVMe/TCP.`);
    case breakage.unsupportedParameter:
      return new CausewayError(
        'nvme-malformed',
        `${where} asks for a connection that cannot be met: ${fatalErrorText(fes, fei)}.`,
      );
    case breakage.closedByPeer:
      return new CausewayError('nvme-connection-lost', `${where} closed the connection.`);
    case breakage.protocolError:
      return new CausewayError('nvme-malformed', `${where} broke the protocol: ${fatalErrorText(fes, fei)}.`);
    case breakage.headerDigest:
      return new CausewayError('nvme-connection-lost', `${where} sent a header whose digest is wrong.`);
    case breakage.terminatedByPeer:
      return new CausewayError(
        'nvme-connection-lost',
        `${where} ended the connection with a termination request: ${fatalErrorText(fes, fei)}.`,
      );
    default:
      return new CausewayError('nvme-connection-lost', `The connection to ${where} was lost: ${errnoName(errno)}.`);
  }
}

/** A command other than Connect that ended with a status. `what` names it: "Identify Controller". */
export function commandError(what: string, status: number): CausewayError {
  return new CausewayError('nvme-command-failed', `${what} ended with ${outcomeName(status)}.`);
}

/** Connect ended with a status. */
export function connectError(status: number, subnqn: string, address: Address): CausewayError {
  const where = addressText(address);
  const name = outcomeName(fabricsOutcome(status));
  switch (status) {
    case sc.connectInvalidParameters:
      return new CausewayError('nvme-connect-refused', `${where} has no subsystem ${subnqn} for this host (${name}).`);
    case sc.connectInvalidHost:
      return new CausewayError('nvme-connect-refused', `${where} does not allow this host on ${subnqn} (${name}).`);
    case sc.authenticationRequired:
      return new CausewayError(
        'nvme-authentication-required',
        `${where} wants this host to authenticate for ${subnqn}.`,
      );
    default:
      return new CausewayError('nvme-connect-refused', `${where} refuses a connection to ${subnqn}: ${name}.`);
  }
}

/**
 * An error that can happen, told from one that cannot: everything but a coded error goes on, and so does an assertion of
 * our own, which to take for a lost connection would be to hide for ever.
 */
export function expectedError(error: unknown): CausewayError {
  if (error instanceof CausewayError && error.code !== 'assertion') return error;
  throw error;
}

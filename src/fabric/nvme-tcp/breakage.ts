/**
 * How a connection can end, as its transport sees it. Small integers, because they travel through callbacks of the data
 * path; what a command's outcome becomes by them is said in the outcome table.
 */
export const breakage = {
  none: 0,
  /** TCP refused, unreachable, timed out: `errno` says which. */
  connectFailed: 1,
  /** The connection or the exchange of ICReq and ICResp took too long. */
  handshakeTimeout: 2,
  /** What answers there does not speak NVMe/TCP. */
  notNvmeTcp: 3,
  /** It speaks NVMe/TCP with parameters that the specification forbids or that we cannot meet. */
  unsupportedParameter: 4,
  /** The connection was lost: `errno` says how. */
  lost: 5,
  /** The peer closed the connection. */
  closedByPeer: 6,
  /** A PDU broke the specification; `fes` and `fei` say how. A termination request was sent if that was possible. */
  protocolError: 7,
  /** A header digest was wrong, so nothing that follows can be trusted. */
  headerDigest: 8,
  /** The peer sent a termination request; `fes` and `fei` are its own. */
  terminatedByPeer: 9,
} as const;

export type Breakage = (typeof breakage)[keyof typeof breakage];

/** The name that people read, by breakage. */
export const breakageName: readonly string[] = [
  'none',
  'connect-failed',
  'handshake-timeout',
  'not-nvme-tcp',
  'unsupported-parameter',
  'lost',
  'closed-by-peer',
  'protocol-error',
  'header-digest',
  'terminated-by-peer',
];

/**
 * The rows of the table in status.ts: every way in which a command can end, and what follows from it. Status names and
 * numbers are those of NVMe Base 2.3 (figures 101 to 106), the NVM Command Set and the fabrics commands.
 *
 * Columns:
 * - fault: `volume` (every path would say the same), `path` (another path may succeed), `host` (we asked wrongly),
 *   `none` (nobody's; it passes).
 * - executed: `no` = the command had no effect; `maybe` = it may have had, wholly or in part; `pending` = it may have and
 *   may *still* be executed after now, a ghost. A completion is the end of a command, whatever its status (NVMe Base,
 *   "Command Completion"), so a row with a status is never `pending`.
 * - retry: `elsewhere`, `same-after-delay` (CRD), or `no`.
 * - block: how the request ends if it is not retried.
 */
import type { status } from '../../block/status.ts';

export type Fault = 'volume' | 'path' | 'host' | 'none';
export type Executed = 'no' | 'maybe' | 'pending';
export type Retry = 'elsewhere' | 'same-after-delay' | 'no';
export type BlockName = keyof typeof status;

export type Row = readonly [name: string, fault: Fault, executed: Executed, retry: Retry, block: BlockName];
export type Rows = Readonly<Record<number, Row>>;

/** Status code type 0: generic. */
export const genericRows: Rows = {
  0x00: ['success', 'none', 'maybe', 'no', 'ok'],
  0x01: ['invalid-opcode', 'volume', 'no', 'no', 'notSupported'],
  // Mostly an option that this volume does not know (DEAC, a log page): the layer above may do it another way.
  0x02: ['invalid-field', 'host', 'no', 'no', 'notSupported'],
  // The controller holds a command of this number that we think ended: our two views of the queue differ, leave it.
  0x03: ['command-id-conflict', 'path', 'no', 'elsewhere', 'transport'],
  0x04: ['data-transfer-error', 'path', 'maybe', 'elsewhere', 'transport'],
  0x05: ['aborted-power-loss', 'path', 'maybe', 'elsewhere', 'ioError'],
  // The controller broke down, not the medium: with several controllers a volume outlives it.
  0x06: ['internal-error', 'path', 'maybe', 'elsewhere', 'ioError'],
  0x07: ['aborted-by-request', 'path', 'maybe', 'elsewhere', 'timedOut'],
  0x08: ['aborted-queue-deletion', 'path', 'maybe', 'elsewhere', 'transport'],
  0x09: ['aborted-failed-fused', 'host', 'no', 'no', 'invalid'],
  0x0a: ['aborted-missing-fused', 'host', 'no', 'no', 'invalid'],
  // Detached from this controller perhaps, and still attached to the others.
  0x0b: ['invalid-namespace', 'path', 'no', 'elsewhere', 'gone'],
  // The controller lost its state (a reset that we did not see).
  0x0c: ['command-sequence-error', 'path', 'no', 'elsewhere', 'transport'],
  0x0d: ['sgl-segment-invalid', 'host', 'no', 'no', 'invalid'],
  0x0e: ['sgl-count-invalid', 'host', 'no', 'no', 'invalid'],
  0x0f: ['sgl-data-length-invalid', 'host', 'no', 'no', 'invalid'],
  0x10: ['sgl-metadata-length-invalid', 'host', 'no', 'no', 'invalid'],
  0x11: ['sgl-type-invalid', 'host', 'no', 'no', 'invalid'],
  0x12: ['controller-memory-buffer-invalid', 'host', 'no', 'no', 'invalid'],
  0x13: ['prp-offset-invalid', 'host', 'no', 'no', 'invalid'],
  0x14: ['atomic-write-unit-exceeded', 'host', 'no', 'no', 'invalid'],
  0x15: ['operation-denied', 'volume', 'no', 'no', 'ioError'],
  0x16: ['sgl-offset-invalid', 'host', 'no', 'no', 'invalid'],
  0x18: ['host-id-inconsistent', 'host', 'no', 'no', 'invalid'],
  0x19: ['keep-alive-expired', 'path', 'maybe', 'elsewhere', 'transport'],
  0x1a: ['keep-alive-invalid', 'host', 'no', 'no', 'invalid'],
  // Another host took the reservation: to retry would be to write against it.
  0x1b: ['aborted-by-preempt', 'volume', 'maybe', 'no', 'reservationConflict'],
  0x1c: ['sanitize-failed', 'volume', 'no', 'no', 'ioError'],
  0x1d: ['sanitize-in-progress', 'volume', 'no', 'no', 'busy'],
  0x1e: ['sgl-granularity-invalid', 'host', 'no', 'no', 'invalid'],
  0x1f: ['command-in-controller-memory-unsupported', 'host', 'no', 'no', 'invalid'],
  0x20: ['namespace-write-protected', 'volume', 'no', 'no', 'readOnly'],
  0x21: ['command-interrupted', 'none', 'maybe', 'same-after-delay', 'busy'],
  // Also what a controller answers to data whose digest was wrong on its way there.
  0x22: ['transient-transport-error', 'path', 'maybe', 'elsewhere', 'transport'],
  0x23: ['prohibited-by-lockdown', 'volume', 'no', 'no', 'notSupported'],
  0x24: ['admin-media-not-ready', 'none', 'no', 'same-after-delay', 'busy'],
  0x25: ['invalid-key-tag', 'volume', 'no', 'no', 'ioError'],
  0x26: ['host-dispersed-namespace-not-enabled', 'host', 'no', 'no', 'notSupported'],
  0x27: ['host-id-not-initialized', 'host', 'no', 'no', 'invalid'],
  0x28: ['incorrect-key', 'volume', 'no', 'no', 'ioError'],
  0x29: ['fdp-disabled', 'host', 'no', 'no', 'notSupported'],
  0x2a: ['placement-handle-list-invalid', 'host', 'no', 'no', 'invalid'],
  0x2b: ['sanitize-namespace-failed', 'volume', 'no', 'no', 'ioError'],
  0x2c: ['sanitize-namespace-in-progress', 'volume', 'no', 'no', 'busy'],
  0x80: ['lba-out-of-range', 'volume', 'no', 'no', 'invalid'],
  0x81: ['capacity-exceeded', 'volume', 'maybe', 'no', 'noSpace'],
  0x82: ['namespace-not-ready', 'none', 'no', 'same-after-delay', 'busy'],
  0x83: ['reservation-conflict', 'volume', 'no', 'no', 'reservationConflict'],
  0x84: ['format-in-progress', 'volume', 'no', 'no', 'busy'],
  0x85: ['value-size-invalid', 'host', 'no', 'no', 'invalid'],
  0x86: ['key-size-invalid', 'host', 'no', 'no', 'invalid'],
  0x87: ['key-does-not-exist', 'host', 'no', 'no', 'invalid'],
  0x88: ['unrecovered-error', 'volume', 'maybe', 'no', 'mediumError'],
  0x89: ['key-exists', 'host', 'no', 'no', 'invalid'],
};

/** Status code type 1 of admin and I/O commands that we send. Fabrics commands use the same numbers: `fabricsRows`. */
export const commandRows: Rows = {
  0x00: ['completion-queue-invalid', 'host', 'no', 'no', 'invalid'],
  0x01: ['queue-id-invalid', 'host', 'no', 'no', 'invalid'],
  0x02: ['queue-size-invalid', 'host', 'no', 'no', 'invalid'],
  0x03: ['abort-limit-exceeded', 'host', 'no', 'no', 'busy'],
  0x05: ['async-event-limit-exceeded', 'host', 'no', 'no', 'busy'],
  0x09: ['log-page-invalid', 'host', 'no', 'no', 'notSupported'],
  0x0a: ['format-invalid', 'host', 'no', 'no', 'invalid'],
  0x0d: ['feature-not-saveable', 'host', 'no', 'no', 'notSupported'],
  0x0e: ['feature-not-changeable', 'host', 'no', 'no', 'notSupported'],
  0x0f: ['feature-not-of-namespace', 'host', 'no', 'no', 'notSupported'],
  0x14: ['overlapping-range', 'host', 'no', 'no', 'invalid'],
  0x1a: ['namespace-not-attached', 'path', 'no', 'elsewhere', 'gone'],
  0x1f: ['controller-id-invalid', 'host', 'no', 'no', 'invalid'],
  0x29: ['command-set-not-supported', 'host', 'no', 'no', 'notSupported'],
  0x2a: ['command-set-not-enabled', 'host', 'no', 'no', 'notSupported'],
  0x2b: ['command-set-combination-rejected', 'host', 'no', 'no', 'notSupported'],
  0x2c: ['command-set-invalid', 'host', 'no', 'no', 'invalid'],
  0x38: ['not-enough-resources', 'none', 'no', 'same-after-delay', 'busy'],
  // Suspended for its migration to another subsystem: other controllers may go on.
  0x39: ['controller-suspended', 'path', 'no', 'elsewhere', 'transport'],
  0x3f: ['cross-controller-reset-in-progress', 'none', 'no', 'same-after-delay', 'busy'],
  0x40: ['cross-controller-reset-log-full', 'none', 'no', 'same-after-delay', 'busy'],
  0x41: ['cross-controller-reset-limit-exceeded', 'none', 'no', 'same-after-delay', 'busy'],
  0x80: ['conflicting-attributes', 'host', 'no', 'no', 'invalid'],
  0x81: ['protection-information-invalid', 'host', 'no', 'no', 'invalid'],
  0x82: ['write-to-read-only-range', 'volume', 'no', 'no', 'readOnly'],
  0x83: ['command-size-limit-exceeded', 'host', 'no', 'no', 'notSupported'],
  0x84: ['command-id-invalid', 'host', 'no', 'no', 'invalid'],
  0x85: ['namespace-incompatible', 'host', 'no', 'no', 'notSupported'],
  0x86: ['fast-copy-not-possible', 'host', 'no', 'no', 'notSupported'],
  0x87: ['overlapping-io-range', 'host', 'no', 'no', 'invalid'],
  0x89: ['insufficient-resources', 'none', 'no', 'same-after-delay', 'busy'],
};

/** Status code type 1 of fabrics commands (Connect, Property Get and Set, Authentication). */
export const fabricsRows: Rows = {
  0x80: ['connect-format-incompatible', 'host', 'no', 'no', 'notSupported'],
  0x81: ['connect-controller-busy', 'path', 'no', 'elsewhere', 'busy'],
  0x82: ['connect-invalid-parameters', 'host', 'no', 'no', 'invalid'],
  // The array wants the host to look at the discovery service again: this port no longer leads to the subsystem.
  0x83: ['connect-restart-discovery', 'path', 'no', 'elsewhere', 'transport'],
  0x84: ['connect-invalid-host', 'host', 'no', 'no', 'ioError'],
  0x85: ['disconnect-invalid-queue-type', 'host', 'no', 'no', 'invalid'],
  0x90: ['discovery-restart', 'none', 'no', 'same-after-delay', 'busy'],
  0x91: ['authentication-required', 'host', 'no', 'no', 'ioError'],
};

/** Status code type 2: media and data integrity. The medium is the volume's, whatever path leads to it. */
export const mediaRows: Rows = {
  0x80: ['write-fault', 'volume', 'maybe', 'no', 'ioError'],
  0x81: ['unrecovered-read-error', 'volume', 'maybe', 'no', 'mediumError'],
  0x82: ['guard-check-error', 'volume', 'maybe', 'no', 'ioError'],
  0x83: ['application-tag-check-error', 'volume', 'maybe', 'no', 'ioError'],
  0x84: ['reference-tag-check-error', 'volume', 'maybe', 'no', 'ioError'],
  0x85: ['compare-failure', 'volume', 'maybe', 'no', 'ioError'],
  0x86: ['access-denied', 'volume', 'no', 'no', 'ioError'],
  0x87: ['deallocated-or-unwritten-block', 'volume', 'maybe', 'no', 'mediumError'],
  0x88: ['storage-tag-check-error', 'volume', 'maybe', 'no', 'ioError'],
};

/** Status code type 3: path related. */
export const pathRows: Rows = {
  0x00: ['internal-path-error', 'path', 'maybe', 'elsewhere', 'transport'],
  0x01: ['ana-persistent-loss', 'path', 'no', 'elsewhere', 'transport'],
  0x02: ['ana-inaccessible', 'path', 'no', 'elsewhere', 'transport'],
  0x03: ['ana-transition', 'path', 'no', 'elsewhere', 'transport'],
  0x60: ['controller-pathing-error', 'path', 'maybe', 'elsewhere', 'transport'],
  0x70: ['host-pathing-error', 'path', 'maybe', 'elsewhere', 'transport'],
  0x71: ['aborted-by-host', 'path', 'maybe', 'elsewhere', 'transport'],
};

/**
 * For numbers that no row has, by status code type (0 to 7).
 * - 0, 1, 2 and the reserved 4 to 6: the controller judged the command; other controllers of the subsystem would judge
 *   it the same way, and it may have got anywhere with it.
 * - 3: the specification reserves the whole type for what lies between host and controller, so another path is right.
 * - 7, vendor specific: only the array knows what it means. It answered, so the path works; what it answered about is
 *   the command. Were it sent elsewhere, a write that the array refused for a reason of its own would be repeated on
 *   every controller in turn.
 */
export const defaultRows: readonly Row[] = [
  ['unknown-generic-status', 'volume', 'maybe', 'no', 'ioError'],
  ['unknown-command-status', 'volume', 'maybe', 'no', 'ioError'],
  ['unknown-media-status', 'volume', 'maybe', 'no', 'ioError'],
  ['unknown-path-status', 'path', 'maybe', 'elsewhere', 'transport'],
  ['reserved-status-type-4', 'volume', 'maybe', 'no', 'ioError'],
  ['reserved-status-type-5', 'volume', 'maybe', 'no', 'ioError'],
  ['reserved-status-type-6', 'volume', 'maybe', 'no', 'ioError'],
  ['vendor-specific-status', 'volume', 'maybe', 'no', 'ioError'],
];

/** Outcomes without a status from the controller, by the names of `outcome` in status.ts. */
export const ownRows = {
  /** It never left this host: no byte of its capsule was handed to the kernel. */
  notSent: ['not-sent', 'path', 'no', 'elsewhere', 'transport'],
  /** The connection ended (reset, closed by the peer, network error) with the command under way. */
  connectionLost: ['connection-lost', 'path', 'pending', 'elsewhere', 'transport'],
  /** No completion within the I/O timeout, nor after an Abort; or none of a keep-alive. */
  timedOut: ['timed-out', 'path', 'pending', 'elsewhere', 'timedOut'],
  /**
   * It had no completion within the I/O timeout and was called back: the controller has completed it with "Command Abort
   * Requested", because we asked for that. A completion is the end of it: from then on it is not executed any more.
   */
  calledBack: ['called-back', 'path', 'maybe', 'elsewhere', 'timedOut'],
  /** A header from the controller was damaged: nothing after it can be believed, the connection is ended. */
  headerDigestError: ['header-digest-error', 'path', 'pending', 'elsewhere', 'transport'],
  /**
   * Data from the controller was damaged. Only this command fails, and only after its completion has arrived (or was
   * replaced by SUCCESS), so nothing of it is left to execute. Should the connection end before, it is `connectionLost`.
   */
  dataDigestError: ['data-digest-error', 'path', 'maybe', 'elsewhere', 'transport'],
  /** We ended the connection because the controller broke the protocol. */
  hostTerminated: ['host-terminated', 'path', 'pending', 'elsewhere', 'transport'],
  /** The controller ended the connection with a termination request; it need not have aborted what it had queued. */
  targetTerminated: ['target-terminated', 'path', 'pending', 'elsewhere', 'transport'],
  /** The controller was reset with the command under way and has reported CSTS.RDY = 0 (or a cross-controller reset). */
  controllerReset: ['controller-reset', 'path', 'maybe', 'elsewhere', 'transport'],
  /** Given up by order (forced detach, fail-queued) with the command under way. Not retried: nobody waits for it. */
  withdrawn: ['withdrawn', 'host', 'pending', 'no', 'gone'],
} as const satisfies Readonly<Record<string, Row>>;

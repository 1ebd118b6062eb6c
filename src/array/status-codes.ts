/**
 * Statuses that the array answers with: SCT in bits 10:8, SC in bits 7:0, the retry delay in 12:11, "do not retry" in
 * bit 14; that is, the status field of a completion without its phase tag (NVM Express Base 2.1, 4.2.3).
 */

/** "Do not retry": the same command would fail again. */
export const dnr = 0x4000;

export const sc = {
  success: 0,
  invalidOpcode: 0x001 | dnr,
  invalidField: 0x002 | dnr,
  dataTransferError: 0x004,
  internalError: 0x006,
  abortRequested: 0x007,
  abortedQueueDeletion: 0x008,
  invalidNamespace: 0x00b | dnr,
  commandSequenceError: 0x00c | dnr,
  dataSglLengthInvalid: 0x00f | dnr,
  sglTypeInvalid: 0x011 | dnr,
  sglOffsetInvalid: 0x016 | dnr,
  hostIdInconsistent: 0x018 | dnr,
  keepAliveInvalid: 0x01a | dnr,
  writeProtected: 0x020 | dnr,
  transientTransportError: 0x022,
  invalidCommandSet: 0x02c | dnr,
  lbaOutOfRange: 0x080 | dnr,
  capacityExceeded: 0x081 | dnr,
  namespaceNotReady: 0x082,
  reservationConflict: 0x083 | dnr,
  asyncEventLimitExceeded: 0x105 | dnr,
  invalidLogPage: 0x109 | dnr,
  featureNotSaveable: 0x10d | dnr,
  featureNotChangeable: 0x10e | dnr,
  ccrInProgress: 0x13f,
  ccrLogFull: 0x140,
  ccrLimitExceeded: 0x141,
  incompatibleFormat: 0x180 | dnr,
  controllerBusy: 0x181,
  connectInvalid: 0x182 | dnr,
  connectInvalidHost: 0x184 | dnr,
  authenticationRequired: 0x191 | dnr,
  writeFault: 0x280,
  unrecoveredRead: 0x281,
  compareFailure: 0x285 | dnr,
} as const;

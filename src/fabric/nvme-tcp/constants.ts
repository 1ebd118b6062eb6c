/**
 * Numbers of the NVMe specifications that this room uses, under the specifications' own names: NVMe Base 2.3, NVM
 * Command Set 1.1, NVMe/TCP Transport 1.1. Sizes are bytes unless said otherwise. Status codes are in status.ts,
 * properties in properties.ts.
 */

/** PDU types (NVMe/TCP, "PDU Type" of the common header). 8 is not assigned. */
export const pduType = {
  icReq: 0x00,
  icResp: 0x01,
  h2cTermReq: 0x02,
  c2hTermReq: 0x03,
  capsuleCmd: 0x04,
  capsuleResp: 0x05,
  h2cData: 0x06,
  c2hData: 0x07,
  r2t: 0x09,
} as const;

/** FLAGS of the common header. */
export const pduFlag = {
  hdgst: 1,
  ddgst: 2,
  lastPdu: 4,
  success: 8,
} as const;

/** DGST of ICReq and ICResp. */
export const digestBit = { header: 1, data: 2 } as const;

/** Fatal error status of a termination request (FES). */
export const fes = {
  invalidHeaderField: 1,
  pduSequence: 2,
  headerDigest: 3,
  dataOutOfRange: 4,
  /** Data transfer limit exceeded; from the controller's side also: R2T limit exceeded. */
  limitExceeded: 5,
  unsupportedParameter: 6,
} as const;

/** Admin command set opcodes. */
export const adminOpcode = {
  getLogPage: 0x02,
  identify: 0x06,
  abort: 0x08,
  setFeatures: 0x09,
  getFeatures: 0x0a,
  asyncEventRequest: 0x0c,
  keepAlive: 0x18,
  crossControllerReset: 0x38,
  fabrics: 0x7f,
} as const;

/** NVM command set opcodes. */
export const ioOpcode = {
  flush: 0x00,
  write: 0x01,
  read: 0x02,
  writeZeroes: 0x08,
  datasetManagement: 0x09,
  reservationRegister: 0x0d,
  reservationReport: 0x0e,
  reservationAcquire: 0x11,
  reservationRelease: 0x15,
  cancel: 0x18,
  fabrics: 0x7f,
} as const;

/** FCTYPE of fabrics commands. */
export const fctype = {
  propertySet: 0x00,
  connect: 0x01,
  propertyGet: 0x04,
  authenticationSend: 0x05,
  authenticationReceive: 0x06,
  disconnect: 0x08,
} as const;

/** CDW12 of read, write and write zeroes. */
export const rwControl = {
  /** Write zeroes: deallocate what can be deallocated; reads as zeroes in any case. */
  deac: 0x0200_0000,
  fua: 0x4000_0000,
} as const;

/** CDW11 of dataset management: attribute deallocate. */
export const dsmDeallocate = 4;
/** A dataset management command names at most this many ranges (NR is 0's based and 8 bits wide). */
export const dsmMaxRanges = 256;
/** Most blocks one read, write or write zeroes can name (NLB is 0's based and 16 bits wide). */
export const maxBlocksPerCommand = 65536;

/** Byte 15 of an SGL descriptor: type in the high, subtype in the low four bits. */
export const sglType = {
  /** Data block, address is an offset into the capsule's data. */
  inCapsule: 0x01,
  /** Transport data block: the transport knows where the data is. */
  transport: 0x5a,
} as const;

/** PSDT in the flags byte of a command: SGLs, metadata pointer is an address. */
export const psdtSgl = 0x40;

/** Feature identifiers. */
export const featureId = {
  volatileWriteCache: 0x06,
  numberOfQueues: 0x07,
  asyncEventConfiguration: 0x0b,
  keepAliveTimer: 0x0f,
  hostBehavior: 0x16,
  hostIdentifier: 0x81,
  namespaceWriteProtect: 0x84,
} as const;

/** CDW11 of the asynchronous event configuration feature; OAES of identify controller has the same bits. */
export const asyncEventBit = {
  namespaceAttributeNotices: 0x0000_0100,
  anaChangeNotices: 0x0000_0800,
  discoveryLogChange: 0x8000_0000,
} as const;

/** Log page identifiers. */
export const logPageId = {
  supportedLogPages: 0x00,
  errorInformation: 0x01,
  smart: 0x02,
  firmwareSlot: 0x03,
  changedNamespaces: 0x04,
  commandsSupported: 0x05,
  ana: 0x0c,
  crossControllerReset: 0x1e,
  lostHostCommunication: 0x1f,
  discovery: 0x70,
} as const;

/** LSP of the ANA log page: return groups only, no namespace identifiers. */
export const lspAnaRgo = 1;
/** LSP of the cross-controller reset log page: remove completed entries (RMC). */
export const lspCcrRmc = 1;

/** CNS of identify. */
export const cns = {
  namespace: 0x00,
  controller: 0x01,
  activeNamespaces: 0x02,
  namespaceDescriptors: 0x03,
  /** I/O command set specific identify namespace (CSI given in CDW11). */
  csNamespace: 0x05,
  csController: 0x06,
  csActiveNamespaces: 0x07,
} as const;

export const identifyBytes = 4096;

/** I/O command sets (CSI). */
export const csi = { nvm: 0, keyValue: 1, zoned: 2 } as const;

/** Type of an asynchronous event: completion dword 0, bits 2:0. */
export const asyncEventType = {
  error: 0,
  smart: 1,
  notice: 2,
  immediate: 3,
  oneShot: 4,
  ioCommandSet: 6,
  vendor: 7,
} as const;

/** Information of an asynchronous event of type notice: completion dword 0, bits 15:8. */
export const noticeInfo = {
  namespaceAttributeChanged: 0x00,
  firmwareActivationStarting: 0x01,
  anaChange: 0x03,
  discoveryLogChange: 0xf0,
  crossControllerResetCompleted: 0xf4,
  lostHostCommunication: 0xf5,
} as const;

/** CNTRLTYPE of identify controller; 0 = not reported (before NVMe 1.4). */
export const controllerType = { notReported: 0, io: 1, discovery: 2, administrative: 3 } as const;

/** CTRATT: traffic based keep alive. */
export const ctrattTbkas = 0x40;
/** CMIC. */
export const cmic = { multiPort: 1, multiController: 2, anaReporting: 8 } as const;
/** ONCS. */
export const oncs = { datasetManagement: 4, writeZeroes: 8, reservations: 32 } as const;
/** VWC: a volatile write cache is present. */
export const vwcPresent = 1;
/** ANACAP. */
export const anacap = {
  optimized: 1,
  nonOptimized: 2,
  inaccessible: 4,
  persistentLoss: 8,
  change: 16,
  /** ANAGRPID of a namespace does not change while it is attached. */
  groupIdFixed: 64,
} as const;

/** Asymmetric namespace access state. */
export const anaState = {
  optimized: 0x1,
  nonOptimized: 0x2,
  inaccessible: 0x3,
  persistentLoss: 0x4,
  change: 0xf,
} as const;

export const nmicShared = 1;
export const nsattrWriteProtected = 1;
export const dlfeat = {
  /** Bits 2:0: what deallocated blocks read as. */
  readsMask: 7,
  readsZeroes: 1,
  /** Write zeroes honours DEAC. */
  writeZeroesDeallocates: 8,
} as const;

/** NSID that names all namespaces. */
export const nsidAll = 0xffff_ffff;
/** CNTLID of a Connect on the admin queue: the subsystem chooses (dynamic controller model). */
export const cntlidDynamic = 0xffff;
/** Controller identifiers above this are reserved. */
export const cntlidMax = 0xffef;

/** In-capsule data that admin queues and fabrics commands may carry. */
export const adminInCapsuleBytes = 8192;
export const sqeBytes = 64;

export const ports = { io: 4420, discovery: 8009 } as const;

/** TRTYPE, ADRFAM, SUBTYPE, EFLAGS of discovery log entries. */
export const trtype = { rdma: 1, fc: 2, tcp: 3, loop: 254 } as const;
export const adrfam = { ipv4: 1, ipv6: 2 } as const;
export const subtype = { referral: 1, nvme: 2, currentDiscovery: 3 } as const;
export const eflags = { duplicate: 1, persistentConnection: 2 } as const;

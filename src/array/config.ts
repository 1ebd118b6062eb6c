/**
 * What an array is made of, with defaults that suit a demonstration and a stranger's initiator alike. Tests turn the
 * limits down to reach the corners of the protocol. Names are the specification's where it has one.
 */
import { CausewayError } from '../base/errors.ts';
import { checkVolumeSize } from '../block/memory-device.ts';
import {
  groupByName,
  type GroupName,
  groupNames,
  hashByName,
  type HashName,
  hashNames,
} from '../fabric/nvme-tcp/auth/names.ts';
import type { DhchapSecrets } from '../fabric/nvme-tcp/auth/secret.ts';
import { nqnProblem } from '../fabric/nvme-tcp/nqn.ts';
import type { Address } from '../io/contract.ts';
import type { AnaState } from './ana.ts';
import { type BufferClass, defaultBufferClasses } from './buffers.ts';

export interface VolumeConfig {
  /** Namespace id, 1 to `limits.maxNamespaces`; the lowest free one when left out. */
  readonly nsid?: number;
  /** For people; also names the memory a volume stands on. Unique within the array. */
  readonly name: string;
  readonly sizeBytes: number;
  /** 512 or 4096 (default). */
  readonly blockBytes?: number;
  /** Path of the file it stands on; in memory when left out. */
  readonly file?: string;
  /**
   * How far `resize` may grow a memory volume; four times its size, but not
   * beyond 64 GiB, when left out. Costs address space only.
   */
  readonly capacityBytes?: number;
  /** 32 hexadecimal digits; derived from serial number and nsid when left out, absent when null. */
  readonly nguid?: string | null;
  /** A UUID as text; derived as well when left out, absent when null. */
  readonly uuid?: string | null;
  /** 16 hexadecimal digits; absent when left out. */
  readonly eui64?: string | null;
  /** ANA group, 1 (default) to `maxAnaGroups`. */
  readonly anagrpid?: number;
  readonly readOnly?: boolean;
  /** What Deallocate does: `zero` frees the space (default); `keep` does nothing, which the specification allows. */
  readonly deallocate?: 'zero' | 'keep';
}

export interface PortConfig {
  /** 1 to 65535; counted from 1 when left out. */
  readonly portid?: number;
  readonly address: Address;
  /** The host address that discovery tells; the one it listens on when left out. */
  readonly advertise?: string;
  /** State of each ANA group on this port; `optimized` for those not named. */
  readonly ana?: Readonly<Record<number, AnaState>>;
  /** What may be reached here: the subsystem and the discovery service (default), or one of them only. */
  readonly offers?: 'all' | 'subsystem' | 'discovery';
}

/** Who has to authenticate by DH-HMAC-CHAP, and how. */
export interface DhchapConfig {
  readonly hosts: readonly {
    readonly hostnqn: string;
    /** Its own, and that of the array towards it. */
    readonly secrets: DhchapSecrets;
  }[];
  readonly hash: HashName;
  readonly group: GroupName;
  /** On the discovery service too. */
  readonly discovery: boolean;
}

export interface ArrayLimits {
  /** I/O queues a controller grants at most. */
  readonly maxIoQueues: number;
  /** CAP.MQES + 1. */
  readonly maxQueueEntries: number;
  readonly maxAdminQueueEntries: number;
  /** Largest transfer, bytes: a power of two, at least 8192 (MDTS 0 would be no limit), at most the largest buffer. */
  readonly mdtsBytes: number;
  /** In-capsule data of I/O queues (IOCCSZ × 16 − 64): 0 to 16384 in steps of 16. */
  readonly inCapsuleBytes: number;
  /** MAXH2CDATA of ICResp, bytes, at least 4096. */
  readonly maxh2cdata: number;
  /** R2Ts outstanding per command at most, 1 to 8; the host's MAXR2T counts as well. */
  readonly maxr2t: number;
  /** How much one R2T asks for at most, bytes; a multiple of 4. */
  readonly r2tBytes: number;
  /** How much one C2HData carries at most, bytes; a multiple of 4. */
  readonly c2hDataBytes: number;
  /** AERL + 1. */
  readonly maxAsyncEvents: number;
  readonly maxNamespaces: number;
  /** Controllers at once at most. */
  readonly maxControllers: number;
  /** Connections at once at most, all ports together. */
  readonly maxConnections: number;
}

export interface ArrayConfig {
  readonly subnqn: string;
  /** Up to 20 ASCII characters. */
  readonly serial: string;
  /** Up to 40 ASCII characters. */
  readonly model: string;
  /** Up to 8 ASCII characters. */
  readonly firmware: string;
  readonly ports: readonly PortConfig[];
  readonly volumes: readonly VolumeConfig[];
  /** Host NQNs that may connect besides those of `dhchap`; all when empty and `dhchap` is null. */
  readonly hosts: readonly string[];
  /** Null: nobody has to authenticate. */
  readonly dhchap: DhchapConfig | null;
  readonly limits: ArrayLimits;
  readonly bufferClasses: readonly BufferClass[];
  /** Grant header and data digests to a host that asks for them. */
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  /** Leave out the response capsule of a successful read (C2HData with SUCCESS) where that is allowed. */
  readonly c2hSuccess: boolean;
  /** CQT, milliseconds: 0 = not reported, 1 = no time needed. */
  readonly cqt: number;
  /** CCRL: cross-controller resets at once; 0 = not offered. */
  readonly ccrl: number;
  /** KAS, milliseconds, a multiple of 100. */
  readonly kas: number;
  /** CTRATT.TBKAS: any command keeps the controller alive. */
  readonly tbkas: boolean;
  /** A volatile write cache for each controller: what was not flushed is lost with `faults.loseCache`. */
  readonly volatileWriteCache: boolean;
  /** NN of ANA: groups that exist, 1 to `maxAnaGroups`. */
  readonly anaGroups: number;
  /** ANATT, seconds. */
  readonly anatt: number;
  /** Receive buffer of each connection, bytes. */
  readonly receiveBytes: number;
  /** Buffers for data that comes in capsules on I/O queues; each holds `limits.inCapsuleBytes`. */
  readonly capsuleBuffers: number;
  /** How long a new connection may take until its Connect command, milliseconds. */
  readonly connectTimeout: number;
  /** How long a controller that was disabled or shut down may keep its admin connection, milliseconds. */
  readonly idleTimeout: number;
}

export const maxAnaGroups = 128;

/** MDTS 1. MDTS is a power of two in pages of 4096 bytes, and 0 means that there is no limit. */
const leastMdtsBytes = 8192;
/** The largest buffer, and with it the largest transfer. */
const largestTransfer = 1024 * 1024;

export const defaultLimits: ArrayLimits = {
  maxIoQueues: 64,
  maxQueueEntries: 128,
  maxAdminQueueEntries: 128,
  mdtsBytes: largestTransfer,
  inCapsuleBytes: 8192,
  maxh2cdata: 128 * 1024,
  maxr2t: 1,
  r2tBytes: largestTransfer,
  c2hDataBytes: largestTransfer,
  maxAsyncEvents: 4,
  maxNamespaces: 1024,
  maxControllers: 1024,
  maxConnections: 1024,
};

export const defaultConfig: ArrayConfig = {
  subnqn: 'nqn.2026-11.io.causeway:array',
  serial: 'CAUSEWAY0001',
  model: 'Causeway embedded array',
  firmware: '1.0',
  ports: [],
  volumes: [],
  hosts: [],
  dhchap: null,
  limits: defaultLimits,
  bufferClasses: defaultBufferClasses,
  headerDigest: true,
  dataDigest: true,
  c2hSuccess: true,
  cqt: 0,
  ccrl: 0,
  kas: 100,
  tbkas: false,
  volatileWriteCache: false,
  anaGroups: 4,
  anatt: 10,
  receiveBytes: 256 * 1024,
  capsuleBuffers: 512,
  connectTimeout: 10_000,
  idleTimeout: 120_000,
};

/** A configuration as a user gives it: what is left out takes its default. */
export type ArrayOptions = Partial<Omit<ArrayConfig, 'limits'>> & { readonly limits?: Partial<ArrayLimits> };

function check(condition: boolean, sentence: string): void {
  if (!condition) throw new CausewayError('invalid-argument', sentence);
}

function checkRange(name: string, value: number, least: number, most: number): void {
  check(
    Number.isInteger(value) && value >= least && value <= most,
    `The array's ${name} is ${value}; it is a whole number from ${least} to ${most}.`,
  );
}

function checkText(name: string, value: string, most: number): void {
  check(
    value.length <= most && /^[\x20-\x7e]*$/.test(value),
    `The array's ${name} "${value}" is not possible: at most ${most} printable ASCII characters.`,
  );
}

function checkLimits(config: ArrayConfig): void {
  const { limits } = config;
  checkRange('limits.maxIoQueues', limits.maxIoQueues, 1, 1024);
  // Two slots an entry, eight R2Ts a slot, and the tag of an R2T has 16 bits.
  checkRange('limits.maxQueueEntries', limits.maxQueueEntries, 2, 4096);
  checkRange('limits.maxAdminQueueEntries', limits.maxAdminQueueEntries, 2, 4096);
  checkRange('limits.mdtsBytes', limits.mdtsBytes, leastMdtsBytes, largestTransfer);
  check(Number.isInteger(Math.log2(limits.mdtsBytes)), "The array's limits.mdtsBytes is a power of two.");
  checkRange('limits.inCapsuleBytes', limits.inCapsuleBytes, 0, 16384);
  check(limits.inCapsuleBytes % 16 === 0, "The array's limits.inCapsuleBytes is a multiple of 16.");
  checkRange('limits.maxh2cdata', limits.maxh2cdata, 4096, 2 ** 31 - 1);
  checkRange('limits.maxr2t', limits.maxr2t, 1, 8);
  checkRange('limits.r2tBytes', limits.r2tBytes, 512, 2 ** 30);
  checkRange('limits.c2hDataBytes', limits.c2hDataBytes, 512, 2 ** 30);
  check(
    limits.maxh2cdata % 4 === 0 && limits.r2tBytes % 4 === 0 && limits.c2hDataBytes % 4 === 0,
    "The array's limits of a data transfer are multiples of 4.",
  );
  checkRange('limits.maxAsyncEvents', limits.maxAsyncEvents, 1, 256);
  checkRange('limits.maxNamespaces', limits.maxNamespaces, 1, 65536);
  checkRange('limits.maxControllers', limits.maxControllers, 1, 0xffef);
  checkRange('limits.maxConnections', limits.maxConnections, 1, 65536);
  const largest = Math.max(0, ...config.bufferClasses.map((size) => size.bytes));
  check(
    largest >= limits.mdtsBytes && largest >= 16384,
    `The array's largest buffer has ${largest} bytes: less than limits.mdtsBytes or 16384.`,
  );
}

function checkDhchap({ hosts, hash, group }: DhchapConfig): void {
  check(hashByName(hash) !== undefined, `"${hash}" is no hash function of DH-HMAC-CHAP: ${hashNames.join(', ')} are.`);
  check(groupByName(group) !== undefined, `"${group}" is no Diffie-Hellman group: ${groupNames.join(', ')} are.`);
  for (const { hostnqn } of hosts) {
    check(nqnProblem(hostnqn) === null, `"${hostnqn}" is no NVMe qualified name of a host.`);
    const named = hosts.filter((host) => host.hostnqn === hostnqn).length;
    check(named === 1, `The host ${hostnqn} is named twice with a secret.`);
  }
}

/** Checks one volume as far as it can be checked alone. @throws CausewayError `invalid-argument` */
export function checkVolume(config: ArrayConfig, volume: VolumeConfig): void {
  check(volume.name.length > 0 && volume.name.length <= 64, 'A volume needs a name of at most 64 characters.');
  checkVolumeSize(volume.sizeBytes, volume.blockBytes ?? 4096);
  if (volume.nsid !== undefined) checkRange(`nsid of "${volume.name}"`, volume.nsid, 1, config.limits.maxNamespaces);
  checkRange(`anagrpid of "${volume.name}"`, volume.anagrpid ?? 1, 1, config.anaGroups);
  const { nguid, eui64, uuid } = volume;
  check(typeof nguid !== 'string' || /^[0-9a-f]{32}$/i.test(nguid), `NGUID "${nguid}" is not 32 hexadecimal digits.`);
  check(typeof eui64 !== 'string' || /^[0-9a-f]{16}$/i.test(eui64), `EUI-64 "${eui64}" is not 16 hexadecimal digits.`);
  check(
    typeof uuid !== 'string' || /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(uuid),
    `UUID "${uuid}" is not written as 8-4-4-4-12 hexadecimal digits.`,
  );
}

/**
 * The configuration with its defaults, checked.
 * @throws CausewayError `invalid-argument` naming the value that is not possible
 */
export function completeConfig(options: ArrayOptions): ArrayConfig {
  const config: ArrayConfig = { ...defaultConfig, ...options, limits: { ...defaultLimits, ...options.limits } };
  check(
    /^nqn\.[\x21-\x7e]+$/.test(config.subnqn) && config.subnqn.length <= 223,
    `"${config.subnqn}" is no NVMe qualified name: it begins with "nqn." and has at most 223 characters.`,
  );
  checkText('serial', config.serial, 20);
  checkText('model', config.model, 40);
  checkText('firmware', config.firmware, 8);
  checkRange('cqt', config.cqt, 0, 65535);
  checkRange('ccrl', config.ccrl, 0, 255);
  checkRange('kas', config.kas, 100, 6_553_500);
  check(config.kas % 100 === 0, "The array's kas is a multiple of 100 ms.");
  checkRange('anaGroups', config.anaGroups, 1, maxAnaGroups);
  checkRange('anatt', config.anatt, 0, 255);
  checkRange('receiveBytes', config.receiveBytes, 16384, 16 * 1024 * 1024);
  checkRange('capsuleBuffers', config.capsuleBuffers, 1, 65536);
  checkRange('connectTimeout', config.connectTimeout, 1, 3_600_000);
  checkRange('idleTimeout', config.idleTimeout, 1, 86_400_000);
  checkLimits(config);
  if (config.dhchap !== null) checkDhchap(config.dhchap);
  for (const volume of config.volumes) checkVolume(config, volume);
  const ids = config.ports.map((port, index) => port.portid ?? index + 1);
  for (const portid of ids) checkRange('portid', portid, 1, 65535);
  check(new Set(ids).size === ids.length, 'Two ports of the array have the same portid.');
  return config;
}

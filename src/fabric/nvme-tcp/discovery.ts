/**
 * Asks a discovery service which subsystems there are and how they are reached. A short visit: the connection has no
 * keep-alive and is closed when the log was read.
 */
import { CausewayError } from '../../base/errors.ts';
import type { Address, Io } from '../../io/contract.ts';
import { readCountedLog } from './admin-commands.ts';
import { adminDataBytes } from './admin-queue.ts';
import type { DhchapSecrets } from './auth/secret.ts';
import { adrfam, logPageId, subtype, trtype } from './constants.ts';
import { Controller, type ControllerListener } from './controller.ts';
import {
  type DiscoveryEntry,
  discoveryEntryBytes,
  discoveryHeaderBytes,
  readDiscoveryEntry,
  readDiscoveryHeader,
} from './discovery-log.ts';
import { discoveryNqn } from './nqn.ts';
import { addressText } from './transport-error.ts';

/** A way to a subsystem. */
export interface Discovered {
  readonly kind: 'subsystem' | 'discovery';
  readonly subnqn: string;
  readonly address: Address;
  readonly portid: number;
  /** The array wants TLS on this port: Causeway cannot connect to it yet. */
  readonly needsTls: boolean;
}

export interface DiscoverOptions {
  readonly address: Address;
  readonly hostnqn: string;
  readonly hostid: string;
  readonly digests?: number;
  /** To authenticate with, where the service wants it. */
  readonly dhchap?: DhchapSecrets | null;
  /** Bound on each step, milliseconds. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5000;
/** Referrals are followed this far: services that name each other end here too. */
const maxServices = 32;
/** SECTYPE of a port with TLS. */
const sectypeNone = 0;

const deaf: ControllerListener = {
  onControllerLost: () => undefined,
  onNamespacesChanged: () => undefined,
  onAnaChanged: () => undefined,
  onDiscoveryChanged: () => undefined,
  onCrossControllerReset: () => undefined,
};

/**
 * The entries of one discovery service, as it gives them.
 * @throws CausewayError why it cannot be asked; `discovery-unstable`, `nvme-malformed`
 */
async function readDiscoveryService(io: Io, options: DiscoverOptions): Promise<DiscoveryEntry[]> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const controller = new Controller(io, deaf, {
    address: options.address,
    hostid: options.hostid,
    hostnqn: options.hostnqn,
    subnqn: discoveryNqn,
    digests: options.digests ?? 0,
    dhchap: options.dhchap ?? null,
    katoMs: 0,
    adminTimeoutMs: timeoutMs,
    userTimeoutMs: timeoutMs,
    handshakeMs: timeoutMs,
    ioQueues: 0,
    queueDepth: 1,
  });
  try {
    await controller.start();
    const log = await readCountedLog(
      controller.admin,
      {
        lid: logPageId.discovery,
        lsp: 0,
        headerBytes: discoveryHeaderBytes,
        wholeBytes: (header) => discoveryHeaderBytes + readDiscoveryHeader(header, 0).numrec * discoveryEntryBytes,
        count: (header) => readDiscoveryHeader(header, 0).genctr,
      },
      adminDataBytes,
    );
    const entries: DiscoveryEntry[] = [];
    const { numrec } = readDiscoveryHeader(log, 0);
    for (let i = 0; i < numrec; i += 1) {
      entries.push(readDiscoveryEntry(log, discoveryHeaderBytes + i * discoveryEntryBytes));
    }
    return entries;
  } finally {
    await controller.shutdown();
  }
}

/** The entry as a way that TCP can go; null if it is another transport's or names no port. */
function wayOf(entry: DiscoveryEntry): Discovered | null {
  const isIp = entry.adrfam === adrfam.ipv4 || entry.adrfam === adrfam.ipv6;
  if (entry.trtype !== trtype.tcp || !isIp || !/^\d{1,5}$/.test(entry.trsvcid)) return null;
  const port = Number(entry.trsvcid);
  if (port < 1 || port > 65535 || entry.traddr === '') return null;
  return {
    kind: entry.subtype === subtype.nvme ? 'subsystem' : 'discovery',
    subnqn: entry.subnqn,
    address: { host: entry.traddr, port },
    portid: entry.portid,
    needsTls: entry.sectype !== sectypeNone,
  };
}

/**
 * Everything that can be found from `options.address` on, referrals followed; each way once. A service that was referred to
 * and cannot be asked is passed over. @throws CausewayError why the first one cannot be asked
 */
export async function discover(io: Io, options: DiscoverOptions): Promise<Discovered[]> {
  const found = new Map<string, Discovered>();
  const services: Address[] = [options.address];
  const asked = new Set<string>();
  for (let i = 0; i < services.length && i < maxServices; i += 1) {
    const address = services[i]!;
    if (asked.has(addressText(address))) continue;
    asked.add(addressText(address));
    let entries: DiscoveryEntry[];
    try {
      entries = await readDiscoveryService(io, { ...options, address });
    } catch (error) {
      if (i === 0 || !(error instanceof CausewayError)) throw error;
      continue;
    }
    for (const entry of entries) {
      const way = wayOf(entry);
      if (way === null) continue;
      if (entry.subtype === subtype.referral) services.push(way.address);
      else found.set(`${way.kind} ${way.subnqn} ${addressText(way.address)}`, way);
    }
  }
  return [...found.values()];
}

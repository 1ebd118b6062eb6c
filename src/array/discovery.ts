/**
 * The discovery log (NVMe Base, "Discovery Log Page"): every port that leads to the subsystem.
 */
import { adrfam, cntlidDynamic, eflags, subtype, trtype } from '../fabric/nvme-tcp/constants.ts';
import {
  discoveryEntryBytes,
  discoveryHeaderBytes,
  type DiscoveryEntry,
  writeDiscoveryEntry,
  writeDiscoveryHeader,
} from '../fabric/nvme-tcp/discovery-log.ts';
import { discoveryNqn } from '../fabric/nvme-tcp/nqn.ts';
import type { Controller } from './controller.ts';
import type { Port } from './port.ts';

/**
 * TREQ: secure channels are not spoken of ("not required" would make hosts try one), and SQ flow control may be off.
 */
const treq = 4;

export function discoveryLog(controller: Controller): DataView {
  const { subsystem } = controller;
  const entries: DiscoveryEntry[] = [];
  for (const port of subsystem.ports) {
    if (!port.open) continue;
    if (port.offers !== 'discovery') entries.push(entryOf(port, subtype.nvme, subsystem.config.subnqn));
    if (port === controller.port) entries.push(entryOf(port, subtype.currentDiscovery, discoveryNqn));
  }
  const log = new DataView(new ArrayBuffer(discoveryHeaderBytes + entries.length * discoveryEntryBytes));
  writeDiscoveryHeader(log, 0, subsystem.discoveryGeneration, entries.length);
  entries.forEach((entry, index) => {
    writeDiscoveryEntry(log, discoveryHeaderBytes + index * discoveryEntryBytes, entry);
  });
  return log;
}

function entryOf(port: Port, kind: number, subnqn: string): DiscoveryEntry {
  return {
    trtype: trtype.tcp,
    adrfam: port.advertised.host.includes(':') ? adrfam.ipv6 : adrfam.ipv4,
    subtype: kind,
    treq,
    portid: port.portid,
    cntlid: cntlidDynamic,
    asqsz: port.subsystem.config.limits.maxAdminQueueEntries,
    eflags: kind === subtype.currentDiscovery ? eflags.persistentConnection | eflags.duplicate : 0,
    trsvcid: String(port.advertised.port),
    subnqn,
    traddr: port.advertised.host,
    sectype: 0,
  };
}

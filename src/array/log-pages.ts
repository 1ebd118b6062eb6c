/**
 * Get Log Page (NVMe Base, "Get Log Page command"). A log is made whole, then the part that was asked for is copied: any
 * offset and length works for any log.
 */
import type { GetLogPageCommand } from '../fabric/nvme-tcp/admin-sqe.ts';
import { type AnaLog, anaLogBytes, writeAnaLog } from '../fabric/nvme-tcp/ana-log.ts';
import { ccrLogBytes, ccrStatus, writeCcrLog } from '../fabric/nvme-tcp/ccr-log.ts';
import { adminOpcode, ioOpcode, logPageId, lspAnaRgo, lspCcrRmc, nsidAll } from '../fabric/nvme-tcp/constants.ts';
import { errorEntryBytes, writeErrorEntry } from '../fabric/nvme-tcp/error-log.ts';
import { namespaceListBytes, writeChangedNamespaces } from '../fabric/nvme-tcp/namespace-list.ts';
import { smartLogBytes, writeSmartLog } from '../fabric/nvme-tcp/smart-log.ts';
import { writeText } from '../fabric/nvme-tcp/wire.ts';
import { anaStateCode } from './ana.ts';
import type { Controller } from './controller.ts';
import { discoveryLog } from './discovery.ts';
import { mostErrors } from './health.ts';
import { sc } from './status-codes.ts';

/** What each kind of controller has. */
const ioLogs: readonly number[] = [
  logPageId.supportedLogPages,
  logPageId.errorInformation,
  logPageId.smart,
  logPageId.firmwareSlot,
  logPageId.changedNamespaces,
  logPageId.commandsSupported,
  logPageId.ana,
];
const discoveryLogs: readonly number[] = [logPageId.supportedLogPages, logPageId.discovery];

function logsOf(controller: Controller): readonly number[] {
  if (controller.kind === 'discovery') return discoveryLogs;
  return controller.subsystem.config.ccrl > 0 ? [...ioLogs, logPageId.crossControllerReset] : ioLogs;
}

/** Writes what was asked for at `at`; returns the status. */
export function getLogPage(controller: Controller, wanted: GetLogPageCommand, view: DataView, at: number): number {
  if (!logsOf(controller).includes(wanted.lid)) return sc.invalidLogPage;
  if (wanted.offsetIsIndex || wanted.offset % 4 !== 0) return sc.invalidField;
  const log = makeLog(controller, wanted);
  if (log === null || wanted.offset > log.byteLength) return sc.invalidField;
  const target = new Uint8Array(view.buffer, view.byteOffset + at, wanted.bytes);
  target.fill(0);
  const bytes = Math.min(wanted.bytes, log.byteLength - wanted.offset);
  target.set(new Uint8Array(log.buffer, wanted.offset, bytes));
  if (!wanted.rae) wasRead(controller, wanted.lid);
  return sc.success;
}

/** The log is read to its end: its event may be reported again. */
function wasRead(controller: Controller, lid: number): void {
  if (lid === logPageId.changedNamespaces) controller.changedNamespaces.clear();
  controller.events.wasRead(lid);
}

function makeLog(controller: Controller, wanted: GetLogPageCommand): DataView | null {
  switch (wanted.lid) {
    case logPageId.supportedLogPages: {
      const log = blank(1024);
      for (const lid of logsOf(controller)) log.setUint32(4 * lid, 1, true);
      return log;
    }
    case logPageId.errorInformation: {
      const log = blank(mostErrors * errorEntryBytes);
      for (const [index, entry] of controller.errors.entries.entries())
        writeErrorEntry(log, index * errorEntryBytes, entry);
      return log;
    }
    case logPageId.smart:
      return smart(controller, wanted.nsid);
    case logPageId.firmwareSlot: {
      const log = blank(512);
      log.setUint8(0, 1);
      writeText(log, 8, 8, controller.subsystem.config.firmware, 0x20);
      return log;
    }
    case logPageId.changedNamespaces: {
      const log = blank(namespaceListBytes);
      writeChangedNamespaces(
        log,
        0,
        [...controller.changedNamespaces].toSorted((a, b) => a - b),
      );
      return log;
    }
    case logPageId.commandsSupported:
      return effects(controller);
    case logPageId.ana: {
      const groupsOnly = (wanted.lsp & lspAnaRgo) !== 0;
      // As long as it can become, so that a host may read it in parts without knowing how long it is.
      const { config } = controller.subsystem;
      const log = blank(anaLogBytes(config.anaGroups, config.limits.maxNamespaces));
      writeAnaLog(log, 0, anaLog(controller), groupsOnly);
      return log;
    }
    case logPageId.crossControllerReset: {
      const log = blank(ccrLogBytes);
      writeCcrLog(log, 0, controller.resets);
      if ((wanted.lsp & lspCcrRmc) !== 0) {
        const running = controller.resets.filter(({ ccrs }) => ccrs === ccrStatus.inProgress);
        controller.resets.splice(0, controller.resets.length, ...running);
      }
      return log;
    }
    default:
      return discoveryLog(controller);
  }
}

function blank(bytes: number): DataView<ArrayBuffer> {
  return new DataView(new ArrayBuffer(bytes));
}

/** Nothing wears out here: 25 °C, all spare available. */
function smart({ subsystem, errors }: Controller, nsid: number): DataView | null {
  if (nsid !== 0 && nsid !== nsidAll) return null;
  const log = blank(smartLogBytes);
  writeSmartLog(log, 0, subsystem.health.smartLog(errors.count));
  return log;
}

/** Bits of Commands Supported and Effects: supported; changes data. */
const supported = 1;
const changesData = 3;

function effects(controller: Controller): DataView {
  const log = blank(4096);
  const admin = [
    adminOpcode.getLogPage,
    adminOpcode.identify,
    adminOpcode.abort,
    adminOpcode.setFeatures,
    adminOpcode.getFeatures,
    adminOpcode.asyncEventRequest,
    adminOpcode.keepAlive,
  ];
  for (const opcode of admin) log.setUint32(4 * opcode, supported, true);
  if (controller.subsystem.config.ccrl > 0) log.setUint32(4 * adminOpcode.crossControllerReset, supported, true);
  const io = 1024;
  log.setUint32(io + 4 * ioOpcode.flush, supported, true);
  log.setUint32(io + 4 * ioOpcode.read, supported, true);
  log.setUint32(io + 4 * ioOpcode.reservationReport, supported, true);
  log.setUint32(io + 4 * ioOpcode.reservationRegister, supported, true);
  log.setUint32(io + 4 * ioOpcode.reservationAcquire, supported, true);
  log.setUint32(io + 4 * ioOpcode.reservationRelease, supported, true);
  for (const opcode of [ioOpcode.write, ioOpcode.writeZeroes, ioOpcode.datasetManagement]) {
    log.setUint32(io + 4 * opcode, changesData, true);
  }
  return log;
}

function anaLog(controller: Controller): AnaLog {
  const { ana } = controller.port;
  const volumes = controller.subsystem.volumes();
  const groups = [];
  for (let anagrpid = 1; anagrpid <= ana.groups; anagrpid += 1) {
    const nsids = volumes.filter((volume) => volume.anagrpid === anagrpid).map(({ nsid }) => nsid);
    groups.push({
      anagrpid,
      chgcnt: BigInt(ana.changeCountOf(anagrpid)),
      state: anaStateCode[ana.of(anagrpid)],
      nsids,
    });
  }
  return { chgcnt: BigInt(ana.changeCount), groups };
}

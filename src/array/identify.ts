/**
 * Identify (NVMe Base, "Identify command"; NVM Command Set for its parts): what the controller and its namespaces are.
 */
import type { IdentifyCommand } from '../fabric/nvme-tcp/admin-sqe.ts';
import {
  anacap,
  cmic,
  cns,
  controllerType,
  csi,
  ctrattTbkas,
  dlfeat,
  identifyBytes,
  nmicShared,
  nsattrWriteProtected,
  oncs,
} from '../fabric/nvme-tcp/constants.ts';
import {
  type IdentifyController,
  writeIdentifyController,
  writeIdentifyControllerNvm,
} from '../fabric/nvme-tcp/identify-controller.ts';
import { writeNamespaceDescriptors } from '../fabric/nvme-tcp/identify-descriptors.ts';
import { writeIdentifyNamespace } from '../fabric/nvme-tcp/identify-namespace.ts';
import { writeNamespaceList } from '../fabric/nvme-tcp/namespace-list.ts';
import { discoveryNqn } from '../fabric/nvme-tcp/nqn.ts';
import { zero } from '../fabric/nvme-tcp/wire.ts';
import type { Controller } from './controller.ts';
import { offeredEvents } from './features.ts';
import { mostErrors } from './health.ts';
import { version } from './property-commands.ts';
import { rescap } from './reservations.ts';
import { sc } from './status-codes.ts';
import type { Volume } from './volume.ts';

/** Beyond those that the initiator knows: namespace data common to all command sets, and which sets there are. */
const moreCns = { independentNamespace: 0x08, commandSets: 0x1c } as const;

/** CTRATT: host identifiers have 128 bits. */
const ctrattHostId128 = 1;
/** SGLS: SGLs without alignment, addresses that are offsets (in-capsule data), transport data blocks. */
const sgls = 0x0030_0001;
/** LPA: commands supported and effects; offsets into logs; supported log pages. */
const lpa = 0x26;
/** VWC bits 2:1: Flush of all namespaces at once is not understood. */
const vwcNoBroadcastFlush = 4;
/** Largest write zeroes: what NLB can say at 4096-byte blocks. */
const wzsl = 16;
const lastNsid = 0xffff_fffd;

/** Writes 4096 bytes at `at`; returns the status. */
export function identify(controller: Controller, wanted: IdentifyCommand, view: DataView, at: number): number {
  zero(view, at, identifyBytes);
  const volumes = controller.subsystem.volumes();
  const nsids = volumes.map(({ nsid }) => nsid);
  switch (wanted.cns) {
    case cns.controller:
      writeIdentifyController(view, at, controller.kind === 'io' ? ioController(controller) : discovery(controller));
      return sc.success;
    case cns.csController:
      if (wanted.csi !== csi.nvm) return sc.invalidField;
      writeIdentifyControllerNvm(view, at, { wzsl });
      return sc.success;
    case cns.activeNamespaces:
      if (wanted.nsid > lastNsid) return sc.invalidNamespace;
      writeNamespaceList(view, at, nsids, wanted.nsid);
      return sc.success;
    case cns.csActiveNamespaces:
      if (wanted.nsid > lastNsid) return sc.invalidNamespace;
      if (wanted.csi !== csi.nvm) return sc.invalidField;
      writeNamespaceList(view, at, nsids, wanted.nsid);
      return sc.success;
    case moreCns.commandSets:
      // One combination: the NVM command set alone.
      view.setUint8(at, 1);
      return sc.success;
    case cns.namespace:
    case cns.namespaceDescriptors:
    case cns.csNamespace:
    case moreCns.independentNamespace:
      return namespaceData(controller, wanted, view, at);
    default:
      return sc.invalidField;
  }
}

function namespaceData(controller: Controller, wanted: IdentifyCommand, view: DataView, at: number): number {
  if (wanted.nsid === 0 || wanted.nsid > controller.subsystem.config.limits.maxNamespaces) return sc.invalidNamespace;
  if (wanted.cns === cns.csNamespace && wanted.csi !== csi.nvm) return sc.invalidField;
  const volume = controller.subsystem.volume(wanted.nsid);
  // An inactive namespace is all zeroes, save that it has no descriptors.
  if (volume === null) return wanted.cns === cns.namespaceDescriptors ? sc.invalidNamespace : sc.success;
  switch (wanted.cns) {
    case cns.namespace:
      namespace(controller, volume, view, at);
      break;
    case cns.namespaceDescriptors: {
      const { nguid, uuid, eui64 } = volume;
      writeNamespaceDescriptors(view, at, { nguid, uuid, eui64, csi: csi.nvm });
      break;
    }
    case moreCns.independentNamespace:
      view.setUint8(at + 1, nmicShared);
      view.setUint32(at + 4, volume.anagrpid, true);
      view.setUint8(at + 8, volume.readOnly ? nsattrWriteProtected : 0);
      // NSTAT: ready.
      view.setUint8(at + 14, 1);
      break;
    default:
      // Of the NVM command set: no protection information, no storage tags.
      break;
  }
  return sc.success;
}

function namespace(controller: Controller, volume: Volume, view: DataView, at: number): void {
  // Where the state is persistent loss, a namespace's capacity is not known any more (NVMe Base, "ANA Persistent Loss").
  const lost = controller.port.ana.of(volume.anagrpid) === 'persistent-loss';
  writeIdentifyNamespace(view, at, {
    nsze: lost ? 0 : volume.blocks,
    ncap: lost ? 0 : volume.blocks,
    nuse: lost ? 0 : volume.blocks,
    nmic: nmicShared,
    rescap,
    dlfeat: volume.keepsOnDeallocate ? 0 : dlfeat.readsZeroes | dlfeat.writeZeroesDeallocates,
    anagrpid: volume.anagrpid,
    nsattr: volume.readOnly ? nsattrWriteProtected : 0,
    ...(volume.nguid === null ? {} : { nguid: volume.nguid }),
    ...(volume.eui64 === null ? {} : { eui64: volume.eui64 }),
    lbaf: [{ ms: 0, lbads: volume.blockShift, rp: 0 }],
  });
}

function common(controller: Controller): Partial<IdentifyController> {
  const { config } = controller.subsystem;
  return {
    sn: config.serial,
    mn: config.model,
    fr: config.firmware,
    mdts: Math.log2(config.limits.mdtsBytes) - 12,
    cntlid: controller.cntlid,
    ver: version,
    oaes: offeredEvents(controller),
    ctratt: ctrattHostId128 | (config.tbkas ? ctrattTbkas : 0),
    acl: 3,
    aerl: config.limits.maxAsyncEvents - 1,
    lpa,
    kas: config.kas / 100,
    maxcmd: config.limits.maxQueueEntries,
    sgls,
  };
}

function discovery(controller: Controller): Partial<IdentifyController> {
  return { ...common(controller), cntrltype: controllerType.discovery, subnqn: discoveryNqn };
}

function ioController(controller: Controller): Partial<IdentifyController> {
  const { config } = controller.subsystem;
  return {
    ...common(controller),
    cntrltype: controllerType.io,
    cmic: cmic.multiPort | cmic.multiController | cmic.anaReporting,
    ...(config.ccrl === 0 ? {} : { ciu: controller.ciu, cirn: controller.cirn }),
    anatt: config.anatt,
    anacap: anacap.optimized | anacap.nonOptimized | anacap.inaccessible | anacap.persistentLoss | anacap.change,
    anagrpmax: config.anaGroups,
    nanagrpid: config.anaGroups,
    cqt: config.cqt,
    sqes: 0x66,
    cqes: 0x44,
    nn: config.limits.maxNamespaces,
    mnan: config.limits.maxNamespaces,
    oncs: oncs.datasetManagement | oncs.writeZeroes | oncs.reservations,
    elpe: mostErrors - 1,
    vwc: Number(controller.subsystem.hasWriteCache) | vwcNoBroadcastFlush,
    subnqn: config.subnqn,
    ioccsz: (config.limits.inCapsuleBytes + 64) / 16,
    iorcsz: 1,
    msdbd: 1,
    ccrl: config.ccrl,
  };
}

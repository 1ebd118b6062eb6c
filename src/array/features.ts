/**
 * Get Features and Set Features (NVMe Base, "Features"). Nothing is saved across resets.
 */
import { type FeaturesCommand, numberOfQueuesDword, queuePairsOf } from '../fabric/nvme-tcp/admin-sqe.ts';
import { featureId } from '../fabric/nvme-tcp/constants.ts';
import { writeHex } from '../fabric/nvme-tcp/wire.ts';
import { eventBits, eventKind } from './async-events.ts';
import type { Command } from './command.ts';
import type { Controller } from './controller.ts';
import { sc } from './status-codes.ts';

/** Select: current, default, saved, capabilities. */
const selectCapabilities = 3;
/** Of capabilities: the feature can be changed. */
const changeable = 4;
const hostIdBytes = 16;

/** Data of a Get Features; 0 for most. */
export function featureBytes(feature: FeaturesCommand): number {
  return feature.fid === featureId.hostIdentifier && feature.select !== selectCapabilities ? hostIdBytes : 0;
}

/** The events that a controller of this kind can be asked to report. */
export function offeredEvents(controller: Controller): number {
  if (controller.kind === 'discovery') return eventBits([eventKind.discovery]);
  const always = [eventKind.namespaceAttribute, eventKind.ana] as const;
  return eventBits(controller.subsystem.config.ccrl > 0 ? [...always, eventKind.crossControllerReset] : always);
}

export function getFeature(controller: Controller, feature: FeaturesCommand, command: Command, view: DataView): number {
  if (feature.select > selectCapabilities) return sc.invalidField;
  const value = currentValue(controller, feature.fid);
  if (value === null) return sc.invalidField;
  if (feature.select === selectCapabilities) {
    command.dword0 = feature.fid === featureId.hostIdentifier ? 0 : changeable;
    return sc.success;
  }
  if (feature.fid === featureId.hostIdentifier) {
    // EXHID: over fabrics the identifier always has 128 bits.
    if ((feature.cdw11 & 1) === 0) return sc.invalidField;
    writeHex(view, command.buffer, hostIdBytes, controller.host.hostid);
  }
  command.dword0 = value;
  return sc.success;
}

function currentValue(controller: Controller, fid: number): number | null {
  switch (fid) {
    case featureId.asyncEventConfiguration:
      return controller.events.enabled;
    case featureId.keepAliveTimer:
      return controller.kato;
    case featureId.volatileWriteCache:
      return controller.kind === 'io' && controller.subsystem.hasWriteCache ? Number(controller.wce) : null;
    case featureId.numberOfQueues:
      return controller.kind === 'io' ? numberOfQueuesDword(controller.ioQueues, controller.ioQueues) : null;
    case featureId.hostIdentifier:
      return 1;
    default:
      return null;
  }
}

export function setFeature(controller: Controller, feature: FeaturesCommand, command: Command): number {
  if (feature.save) return sc.featureNotSaveable;
  const value = feature.cdw11;
  switch (feature.fid) {
    case featureId.asyncEventConfiguration:
      controller.events.enabled = (value & offeredEvents(controller)) >>> 0;
      return sc.success;
    case featureId.keepAliveTimer:
      controller.kato = value;
      return sc.success;
    case featureId.volatileWriteCache:
      if (controller.kind !== 'io' || !controller.subsystem.hasWriteCache) return sc.invalidField;
      controller.wce = (value & 1) !== 0;
      return sc.success;
    case featureId.numberOfQueues:
      if (controller.kind !== 'io') return sc.invalidField;
      if (controller.ioQueuesOpen > 0) return sc.commandSequenceError;
      // 65535 (0's based 65534 is the most) is reserved.
      if ((value & 0xffff) === 0xffff || value >>> 16 === 0xffff) return sc.invalidField;
      controller.ioQueues = Math.min(queuePairsOf(value), controller.subsystem.config.limits.maxIoQueues);
      command.dword0 = numberOfQueuesDword(controller.ioQueues, controller.ioQueues);
      return sc.success;
    case featureId.hostIdentifier:
      // It came with Connect (NVMe Base, "Host Identifier").
      return sc.commandSequenceError;
    default:
      return sc.invalidField;
  }
}

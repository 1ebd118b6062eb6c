/**
 * Which commands of a caller's own making (ioctls, `causeway nvme`) are sent, and how: one row an opcode, with the reason.
 * Names and numbers are those of NVMe Base 2.3 and NVM Command Set 1.1. What has no row is treated as a vendor's command.
 */
import { featureId, logPageId } from './constants.ts';
import type { PassthroughCommand } from './passthrough.ts';

export type PassthroughRule =
  /** Changes nothing: over any path, and over another one if that is lost. */
  | 'reads'
  /** Changes who may do what, and must not be executed twice or late without anybody knowing: over one path. */
  | 'reserves'
  /** An ordinary request of the device stands for it: that goes by quarantine, retries, flush and read-only. */
  | 'door'
  /** Can take the volume from its users or disturb others: only if that was allowed. */
  | 'disturbs'
  /** Changes media, nobody knows where: only if that was allowed, and nothing is or may be written meanwhile. */
  | 'erases'
  /** Not at all. */
  | 'never';

/** Which NSID it may carry. 0 stands for the volume's own where that is needed. */
export type NamespaceRule = 'own' | 'own-or-all' | 'any';

export interface PassthroughRow {
  readonly name: string;
  readonly rule: PassthroughRule;
  readonly nsid: NamespaceRule;
  readonly reason: string;
}

function row(rule: PassthroughRule, nsid: NamespaceRule, name: string, reason: string): PassthroughRow {
  return { name, rule, nsid, reason };
}

type Rows = Readonly<Record<number, PassthroughRow>>;

const queues = 'queues are made and ended by their association alone';
const lifeline = 'the association does that itself and counts on nobody else doing it';
const reading = 'it only reads';

const adminRows: Rows = {
  0x00: row('never', 'any', 'Delete I/O Submission Queue', queues),
  0x01: row('never', 'any', 'Create I/O Submission Queue', queues),
  0x02: row('reads', 'own-or-all', 'Get Log Page', reading),
  0x04: row('never', 'any', 'Delete I/O Completion Queue', queues),
  0x05: row('never', 'any', 'Create I/O Completion Queue', queues),
  0x06: row('reads', 'any', 'Identify', reading),
  0x08: row('never', 'any', 'Abort', 'it would end commands of somebody else'),
  0x09: row('disturbs', 'own-or-all', 'Set Features', 'it changes how the controller works, for everybody'),
  0x0a: row('reads', 'own-or-all', 'Get Features', reading),
  0x0c: row('never', 'any', 'Asynchronous Event Request', lifeline),
  0x0d: row('erases', 'any', 'Namespace Management', 'it can delete the namespace with all that is on it'),
  0x10: row('disturbs', 'any', 'Firmware Commit', 'other firmware runs from then on'),
  0x11: row('disturbs', 'any', 'Firmware Image Download', 'it overwrites the image that waits for its commit'),
  0x14: row('disturbs', 'own-or-all', 'Device Self-test', 'it slows down or ends what others do'),
  0x15: row('disturbs', 'own', 'Namespace Attachment', 'it can take the volume from its hosts'),
  0x18: row('never', 'any', 'Keep Alive', lifeline),
  0x19: row('disturbs', 'own', 'Directive Send', 'it changes how writes are placed'),
  0x1a: row('reads', 'own', 'Directive Receive', reading),
  0x1c: row('disturbs', 'any', 'Virtualization Management', 'it takes resources from controllers'),
  0x1d: row('disturbs', 'any', 'NVMe-MI Send', 'it changes what management watches'),
  0x1e: row('reads', 'any', 'NVMe-MI Receive', reading),
  0x20: row('erases', 'any', 'Capacity Management', 'it can delete what namespaces stand on'),
  0x21: row('never', 'any', 'Discovery Information Management', 'no discovery controller is asked here'),
  0x24: row('disturbs', 'any', 'Lockdown', 'it forbids commands, ours among them'),
  0x38: row('never', 'any', 'Cross-Controller Reset', lifeline),
  0x7c: row('never', 'any', 'Doorbell Buffer Config', queues),
  0x7f: row('never', 'any', 'a fabrics command', lifeline),
  0x80: row('erases', 'own', 'Format NVM', 'it destroys all data of the volume'),
  0x81: row('disturbs', 'own-or-all', 'Security Send', 'it can lock the volume'),
  0x82: row('reads', 'own-or-all', 'Security Receive', reading),
  0x84: row('erases', 'any', 'Sanitize', 'it destroys all data of the subsystem'),
  0x86: row('reads', 'own', 'Get LBA Status', reading),
};

const ioRows: Rows = {
  0x00: row('door', 'own', 'Flush', 'what several controllers acknowledged has to be flushed by all of them'),
  0x01: row('door', 'own', 'Write', 'its range has to be seen by whoever holds writes back'),
  0x02: row('door', 'own', 'Read', 'it goes on over another path when one is lost'),
  0x04: row('never', 'own', 'Write Uncorrectable', 'it changes a range, and no request of the device stands for it'),
  0x05: row('reads', 'own', 'Compare', reading),
  0x08: row('door', 'own', 'Write Zeroes', 'its range has to be seen by whoever holds writes back'),
  0x09: row('door', 'own', 'Dataset Management', 'its ranges have to be seen by whoever holds writes back'),
  0x0c: row('reads', 'own', 'Verify', reading),
  0x0d: row('reserves', 'own', 'Reservation Register', 'a late one would undo what came after it'),
  0x0e: row('reads', 'own', 'Reservation Report', reading),
  0x11: row('reserves', 'own', 'Reservation Acquire', 'a late one would undo what came after it'),
  0x12: row('reads', 'own', 'I/O Management Receive', reading),
  0x15: row('reserves', 'own', 'Reservation Release', 'a late one would undo what came after it'),
  0x18: row('never', 'any', 'Cancel', 'it would end commands of somebody else'),
  0x19: row('erases', 'own', 'Copy', 'the ranges that it writes stand in its data'),
  0x1d: row('disturbs', 'own', 'I/O Management Send', 'it changes how writes are placed'),
  0x7f: row('never', 'any', 'a fabrics command', lifeline),
};

const unknown = row('erases', 'own-or-all', 'a command that is not known here', 'nobody here knows what it does');

/** Features that belong to the association: others would cut it off, or make it deaf. */
const ownFeatures: ReadonlySet<number> = new Set([
  featureId.numberOfQueues,
  featureId.asyncEventConfiguration,
  featureId.keepAliveTimer,
  featureId.hostBehavior,
  featureId.hostIdentifier,
]);
const ownFeature = row('never', 'any', 'Set Features of a feature of the association', lifeline);

/** CNS of Identify that speak of the one namespace that NSID names (NVMe Base, "Identify command"). */
const namespaceCns: ReadonlySet<number> = new Set([0x00, 0x03, 0x05, 0x08, 0x11, 0x12, 0x1b]);

/** Identify and Get Log Page and the like stand in CDW10. */
function lowByte(command: PassthroughCommand): number {
  return (command.cdws[0] ?? 0) & 0xff;
}

/** The rule for this very command. */
export function ruleOf(command: PassthroughCommand): PassthroughRow {
  const { queue, opcode } = command;
  const found = (queue === 'admin' ? adminRows : ioRows)[opcode] ?? unknown;
  if (queue === 'io') return found;
  if (opcode === 0x09 && ownFeatures.has(lowByte(command))) return ownFeature;
  if (opcode === 0x06 && namespaceCns.has(lowByte(command))) return { ...found, nsid: 'own' };
  return found;
}

const opcodeGetLogPage = 0x02;
/** CDW10 of Get Log Page: retain asynchronous event; and the field that depends on the page (LSP). */
const rae = 0x8000;
const lspMask = 0x7f00;

/**
 * The command as it is sent: reading a log must not take from the association what it has to learn from that log. So the
 * events that reading would clear are kept, and no finished cross-controller reset is removed.
 */
export function unobtrusive(command: PassthroughCommand): PassthroughCommand {
  if (command.queue !== 'admin' || command.opcode !== opcodeGetLogPage) return command;
  const [cdw10 = 0, ...others] = command.cdws;
  const kept = lowByte(command) === logPageId.crossControllerReset ? cdw10 & ~lspMask : cdw10;
  return { ...command, cdws: [(kept | rae) >>> 0, ...others] };
}

/** Every row, for documents and tests. */
export const passthroughRows = { admin: adminRows, io: ioRows, unknown } as const;

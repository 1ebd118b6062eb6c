/**
 * What a controller's namespaces are: their list, and of each its shape, identity and what one command may carry. A
 * namespace that cannot be served is not left out but carries the reason, so that people see it by name.
 */
import type { Identity } from '../../block/device.ts';
import { maxTransferBytes } from '../../block/device.ts';
import { CausewayError } from '../../base/errors.ts';
import type { PathLimits } from '../contract.ts';
import { identify, tryIdentify } from './admin-commands.ts';
import type { AdminQueue } from './admin-queue.ts';
import { cns, csi, maxBlocksPerCommand, oncs, vwcPresent } from './constants.ts';
import { transferBytes, writeZeroesBytes } from './controller-limits.ts';
import type { IdentifyController, IdentifyControllerNvm } from './identify-controller.ts';
import { type NamespaceDescriptors, readNamespaceDescriptors } from './identify-descriptors.ts';
import { type NamespaceShape, readIdentifyNamespace, shapeOf } from './identify-namespace.ts';
import { identifierOf } from './identity.ts';
import { namespaceListEntries, readNamespaceList } from './namespace-list.ts';
import { sc } from './status.ts';
import { expectedError } from './transport-error.ts';

/** A namespace that can be served. */
export interface ServedNamespace {
  readonly nsid: number;
  readonly identity: Identity;
  readonly shape: NamespaceShape;
  readonly limits: PathLimits;
  readonly volatileCache: boolean;
}

/** A namespace that cannot be served, and why. */
export interface RefusedNamespace {
  readonly nsid: number;
  readonly code: CausewayError['code'];
  readonly message: string;
}

/** What of the controller decides what commands to its namespaces may carry. */
export interface ScanContext {
  readonly id: IdentifyController;
  readonly nvm: IdentifyControllerNvm | null;
  readonly pageBytes: number;
}

/** Namespaces beyond this many are not looked at: as many as Causeway has devices. */
const maxNamespaces = 1024;

/** The active namespaces of the controller, ascending. */
export async function activeNamespaces(queue: AdminQueue): Promise<number[]> {
  const all: number[] = [];
  for (let after = 0; all.length < maxNamespaces; ) {
    const list = readNamespaceList(await identify(queue, after, cns.activeNamespaces), 0);
    // The list is ascending in itself; a controller that ignores where to begin would be asked for ever.
    const fresh = list.filter((nsid) => nsid > after);
    all.push(...fresh);
    const last = fresh.at(-1);
    if (last === undefined || list.length < namespaceListEntries) break;
    after = last;
  }
  return all.slice(0, maxNamespaces);
}

async function descriptorsOf(queue: AdminQueue, nsid: number): Promise<NamespaceDescriptors | null> {
  const { data } = await tryIdentify(queue, nsid, cns.namespaceDescriptors);
  return data === null ? null : readNamespaceDescriptors(data, 0);
}

const commandSetName: Readonly<Record<number, string>> = { [csi.keyValue]: 'key-value', [csi.zoned]: 'zoned' };

/** Reads one namespace. @throws CausewayError only for a connection that ended; other troubles are its result */
export async function readNamespace(
  queue: AdminQueue,
  nsid: number,
  context: ScanContext,
): Promise<ServedNamespace | RefusedNamespace> {
  try {
    return await readServed(queue, nsid, context);
  } catch (error) {
    const { code, message } = expectedError(error);
    if (!queue.alive) throw error;
    return { nsid, code, message };
  }
}

export function isServed(namespace: ServedNamespace | RefusedNamespace): namespace is ServedNamespace {
  return 'shape' in namespace;
}

async function readServed(queue: AdminQueue, nsid: number, context: ScanContext): Promise<ServedNamespace> {
  const descriptors = await descriptorsOf(queue, nsid);
  const commandSet = descriptors?.csi ?? csi.nvm;
  if (commandSet !== csi.nvm) {
    const name = commandSetName[commandSet] ?? `unknown (${commandSet})`;
    throw new CausewayError('nvme-unsupported-namespace', `Namespace ${nsid} has the ${name} command set.`);
  }
  const { data, status } = await tryIdentify(queue, nsid, cns.namespace);
  if (data === null) {
    const gone = status === sc.invalidNamespace;
    throw new CausewayError(
      gone ? 'nvme-no-namespace' : 'nvme-command-failed',
      gone
        ? `Namespace ${nsid} is not there.`
        : `Namespace ${nsid} cannot be identified (status ${status.toString(16)}h).`,
    );
  }
  const namespace = readIdentifyNamespace(data, 0);
  const shape = shapeOf(namespace, nsid);
  const identifier = identifierOf(descriptors, namespace);
  if (identifier === null) {
    throw new CausewayError('nvme-no-identifier', `Namespace ${nsid} has no NGUID, UUID or EUI-64.`);
  }
  return {
    nsid,
    identity: { id: identifier.id, model: context.id.mn, serial: context.id.sn },
    shape,
    limits: limitsOf(context, shape),
    volatileCache: (context.id.vwc & vwcPresent) !== 0,
  };
}

/** Blocks that one dataset management range can name. */
const maxRangeBlocks = 0xffff_ffff;

function limitsOf(context: ScanContext, shape: NamespaceShape): PathLimits {
  const { id, nvm, pageBytes } = context;
  const { blockBytes } = shape;
  const toBlocks = (bytes: number): number => Math.max(blockBytes, Math.floor(bytes / blockBytes) * blockBytes);
  const transfer = toBlocks(Math.min(transferBytes(id, pageBytes), maxBlocksPerCommand * blockBytes, maxTransferBytes));
  // Limits of 0 mean "not reported".
  const rangeBlocks = nvm !== null && nvm.dmrsl !== 0 ? nvm.dmrsl : maxRangeBlocks;
  const allBlocks = nvm !== null && nvm.dmsl !== 0 ? nvm.dmsl : maxRangeBlocks;
  return {
    readBytes: transfer,
    writeBytes: transfer,
    writeZeroesBytes: toBlocks(writeZeroesBytes(id, nvm, pageBytes, blockBytes)),
    discardBytes: Math.min(rangeBlocks, allBlocks) * blockBytes,
    boundaryBytes: shape.boundaryBytes,
    canWriteZeroes: (id.oncs & oncs.writeZeroes) !== 0,
    canDiscard: (id.oncs & oncs.datasetManagement) !== 0,
  };
}

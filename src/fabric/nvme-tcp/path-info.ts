/** What reactors are told of a namespace: its data, and how the ANA log lets it be used. */
import { type AnaLog } from './ana-log.ts';
import { anaState } from './constants.ts';
import { type Access, access, type PathInfo } from './messages.ts';
import type { ServedNamespace } from './namespace-scan.ts';

const accessOfState: Readonly<Record<number, Access>> = {
  [anaState.optimized]: access.optimized,
  [anaState.nonOptimized]: access.nonOptimized,
  [anaState.inaccessible]: access.inaccessible,
  [anaState.persistentLoss]: access.persistentLoss,
  [anaState.change]: access.change,
};

/**
 * The access of one namespace. A log's own list of namespaces is newer than what Identify Namespace said. A namespace of
 * which the log does not speak is optimized, as without ANA: refusing it would leave its I/O pending for ever.
 */
export function accessByNamespace(log: AnaLog | null, namespace: ServedNamespace): Access {
  if (log === null) return access.optimized;
  const group =
    log.groups.find(({ nsids }) => nsids.includes(namespace.nsid)) ??
    log.groups.find(({ anagrpid }) => anagrpid === namespace.shape.anagrpid);
  return group === undefined ? access.optimized : (accessOfState[group.state] ?? access.inaccessible);
}

export function pathInfoOf(namespace: ServedNamespace, where: string, subnqn: string, state: Access): PathInfo {
  const { nsid, identity, shape, limits, volatileCache } = namespace;
  return {
    id: `${where}/${nsid}`,
    nsid,
    identity,
    subnqn,
    sizeBytes: shape.sizeBytes,
    blockBytes: shape.blockBytes,
    physicalBlockBytes: shape.physicalBlockBytes,
    readOnly: shape.readOnly,
    volatileCache,
    limits,
    deallocatesZeroes: shape.writeZeroesDeallocates,
    access: state,
  };
}

/** What each kind of kernel device leaves on this host, by which its own can be told from everybody else's. */
import type { FuseTransport } from './contract.ts';
import { parseIdentity, type ProcessIdentity } from './process-identity.ts';

/** A process that keeps a descriptor open, and under which number. */
export type Keeper = ProcessIdentity & { readonly fd: number };

export interface FuseTraces {
  readonly kind: 'fuse';
  /** The file that the volume is mounted over. */
  readonly mountPoint: string;
  readonly source: string;
  /** How requests travel; null as long as nothing is agreed with the kernel. */
  readonly transport: FuseTransport | null;
  /** What was agreed on as the largest read or write, bytes; 0 as long as nothing is. */
  readonly payloadBytes: number;
  /** Of /dev/fuse; null where the device dies with its owner. */
  readonly keeper: Keeper | null;
}

export interface UblkTraces {
  readonly kind: 'ublk';
  /** The number of the device, chosen by us and written down before it is made; null as long as none is chosen. */
  readonly id: number | null;
  /** What we gave the device as its server's own flags (64 bits, hexadecimal): a number that nobody else has. */
  readonly tag: string;
}

export interface NbdTraces {
  readonly kind: 'nbd';
  /** Of /dev/nbdN; null as long as the kernel has not said it. */
  readonly index: number | null;
  /** The backend identifier that we gave the device. */
  readonly backend: string;
  /** Of the connection, while the device changes hands; null at all other times. */
  readonly keeper: Keeper | null;
}

export type Traces = FuseTraces | UblkTraces | NbdTraces;

/** The fields of what may be an object; none if it is not. */
export function fieldsOf(value: unknown): Map<string, unknown> {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : new Map();
}

function parseFuse(fields: Map<string, unknown>): FuseTraces | null {
  const [mountPoint, source, transport, payloadBytes] = ['mountPoint', 'source', 'transport', 'payloadBytes'].map(
    (key) => fields.get(key),
  );
  if (typeof mountPoint !== 'string' || typeof source !== 'string') return null;
  if (transport !== 'uring' && transport !== 'classic' && transport !== null) return null;
  if (typeof payloadBytes !== 'number' || !Number.isSafeInteger(payloadBytes)) return null;
  const keeper = parseKeeper(fields.get('keeper'));
  return keeper === undefined ? null : { kind: 'fuse', mountPoint, source, transport, payloadBytes, keeper };
}

/** Undefined: it is neither one nor null. */
function parseKeeper(value: unknown): Keeper | null | undefined {
  if (value === null) return null;
  const identity = parseIdentity(value);
  const fd = fieldsOf(value).get('fd');
  if (identity === null || typeof fd !== 'number' || !Number.isSafeInteger(fd)) return undefined;
  return { ...identity, fd };
}

function parseNumber(value: unknown): number | null | undefined {
  if (value === null) return null;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function parseUblk(fields: Map<string, unknown>): UblkTraces | null {
  const id = parseNumber(fields.get('id'));
  const tag = fields.get('tag');
  return id === undefined || typeof tag !== 'string' ? null : { kind: 'ublk', id, tag };
}

function parseNbd(fields: Map<string, unknown>): NbdTraces | null {
  const index = parseNumber(fields.get('index'));
  const backend = fields.get('backend');
  // The first version of these records had none.
  const keeper = parseKeeper(fields.get('keeper') ?? null);
  if (index === undefined || typeof backend !== 'string' || keeper === undefined) return null;
  return { kind: 'nbd', index, backend, keeper };
}

/** Null for what no driver of this version has left. */
export function parseTraces(value: unknown): Traces | null {
  const fields = fieldsOf(value);
  switch (fields.get('kind')) {
    case 'fuse':
      return parseFuse(fields);
    case 'ublk':
      return parseUblk(fields);
    case 'nbd':
      return parseNbd(fields);
    default:
      return null;
  }
}

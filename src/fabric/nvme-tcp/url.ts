/**
 * How people name a volume or a discovery service:
 *
 *   nvme+tcp://host[:port][,host[:port]…]/subsystem-nqn[?nsid=N&digest=header,data&queue-size=N]
 *   nvme+tcp://host[:port][,host[:port]…]
 *
 * Hosts are names, IPv4 addresses, or IPv6 addresses in brackets; each has a port of its own, 4420 for volumes and 8009
 * for discovery by default. Names are resolved elsewhere.
 */
import { CausewayError } from '../../base/errors.ts';
import type { Address } from '../../io/contract.ts';
import { digestBit, nsidAll, ports } from './constants.ts';
import { nqnProblem } from './nqn.ts';

/** What a volume's URL says. */
export interface NvmeUrl {
  /** At least one; the host may be a name. */
  readonly addresses: readonly Address[];
  readonly subnqn: string;
  /** Left out: the subsystem's only namespace. */
  readonly nsid?: number;
  /** Digests to ask for, bits of `digestBit`. */
  readonly digests: number;
  /** Commands at once on a queue. */
  readonly queueSize?: number;
}

const scheme = 'nvme+tcp://';
const maxAddresses = 64;
const maxQueueSize = 1023;

/** URLs come from people and files: shown as JSON text, and not at any length. */
function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function bad(url: string, what: string): CausewayError {
  return new CausewayError('bad-url', `${shown(url)} ${what}.`);
}

interface Pieces {
  readonly authority: string;
  /** Without its leading slash; null if there is none. */
  readonly path: string | null;
  readonly query: string;
}

function takeApart(url: string): Pieces {
  if (!url.toLowerCase().startsWith(scheme)) throw bad(url, `does not begin with ${scheme}`);
  const rest = url.slice(scheme.length);
  if (rest.includes('#')) throw bad(url, 'has a fragment (#…), which means nothing here');
  const question = rest.indexOf('?');
  const before = question < 0 ? rest : rest.slice(0, question);
  const slash = before.indexOf('/');
  const path = slash < 0 ? null : before.slice(slash + 1);
  return {
    authority: slash < 0 ? before : before.slice(0, slash),
    path: path === '' ? null : path,
    query: question < 0 ? '' : rest.slice(question + 1),
  };
}

const ipv6 = /^\[([0-9a-fA-F:.]+(?:%[A-Za-z0-9_.-]+)?)\](?::(\d+))?$/;
const named = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(\d+))?$/;

function parseAddress(url: string, text: string, defaultPort: number): Address {
  if (text === '') throw bad(url, 'names no host, or has a comma too many');
  if (text.includes('@')) throw bad(url, 'names a user, which NVMe/TCP does not know');
  const match = ipv6.exec(text) ?? named.exec(text);
  if (match === null) {
    const colons = text.split(':').length - 1;
    const hint = colons > 1 && !text.startsWith('[') ? '; an IPv6 address stands in brackets' : '';
    throw bad(url, `has the host ${shown(text)}, which is not an address or a name with an optional port${hint}`);
  }
  const port = match[2] === undefined ? defaultPort : Number(match[2]);
  if (!(port >= 1 && port <= 65535)) throw bad(url, `has the port ${match[2]}, which is not from 1 to 65535`);
  return { host: match[1]!, port };
}

function parseAddresses(url: string, authority: string, defaultPort: number): Address[] {
  const texts = authority.split(',');
  if (texts.length > maxAddresses) throw bad(url, `names ${texts.length} hosts; ${maxAddresses} are the most`);
  const addresses = texts.map((text) => parseAddress(url, text, defaultPort));
  const seen = new Set<string>();
  for (const { host, port } of addresses) {
    const key = `${host.toLowerCase()} ${port}`;
    if (seen.has(key)) throw bad(url, `names ${host}:${port} twice`);
    seen.add(key);
  }
  return addresses;
}

function decode(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad(url, `has a wrong escape in ${shown(text)}`);
  }
}

function wholeNumber(url: string, name: string, text: string, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= most))
    throw bad(url, `has ${name}=${shown(text)}, which is not a number from 1 to ${most}`);
  return value;
}

function parseDigests(url: string, text: string): number {
  let digests = 0;
  for (const name of text.split(',')) {
    if (name === 'header') digests |= digestBit.header;
    else if (name === 'data') digests |= digestBit.data;
    else if (name !== 'none' || text !== 'none') {
      throw bad(url, `has digest=${shown(text)}: it is header, data, both with a comma, or none`);
    }
  }
  return digests;
}

const known = ['nsid', 'digest', 'queue-size'];

/** @throws CausewayError `bad-url` naming what is wrong */
export function parseNvmeUrl(url: string): NvmeUrl {
  const { authority, path, query } = takeApart(url);
  if (path === null) {
    throw bad(url, 'names no subsystem: add /subsystem-nqn (`causeway discover` with this URL lists the names)');
  }
  const subnqn = decode(url, path);
  const problem = nqnProblem(subnqn);
  if (problem !== null) throw bad(url, `names the subsystem ${shown(subnqn)}, which ${problem}`);
  const addresses = parseAddresses(url, authority, ports.io);
  let nsid: number | undefined;
  let digests = 0;
  let queueSize: number | undefined;
  const seen = new Set<string>();
  for (const piece of query === '' ? [] : query.split('&')) {
    const equals = piece.indexOf('=');
    const name = equals < 0 ? piece : piece.slice(0, equals);
    const value = decode(url, equals < 0 ? '' : piece.slice(equals + 1));
    if (!known.includes(name)) throw bad(url, `has the option ${shown(name)}; known are ${known.join(', ')}`);
    if (seen.has(name)) throw bad(url, `has the option ${name} twice`);
    seen.add(name);
    if (name === 'nsid') nsid = wholeNumber(url, name, value, nsidAll - 1);
    else if (name === 'digest') digests = parseDigests(url, value);
    else queueSize = wholeNumber(url, name, value, maxQueueSize);
  }
  return {
    addresses,
    subnqn,
    digests,
    ...(nsid === undefined ? {} : { nsid }),
    ...(queueSize === undefined ? {} : { queueSize }),
  };
}

/** A bare URL: where discovery services listen. @throws CausewayError `bad-url` naming what is wrong */
export function parseDiscoveryUrl(url: string): readonly Address[] {
  const { authority, path, query } = takeApart(url);
  if (path !== null) throw bad(url, 'names a subsystem; discovery wants only hosts');
  if (query !== '') throw bad(url, 'has options, which discovery does not know');
  return parseAddresses(url, authority, ports.discovery);
}

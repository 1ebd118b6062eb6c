/** What is to be attached: from URLs and options to addresses and numbers. */
import { CausewayError } from '../base/errors.ts';
import { parseSize } from '../base/units.ts';
import type { FileDeviceOptions } from '../block/file-device.ts';
import type { MemoryDeviceOptions } from '../block/memory-device.ts';
import type { AssociationOptions } from '../fabric/nvme-tcp/association.ts';
import { digestBit } from '../fabric/nvme-tcp/constants.ts';
import { parseNvmeUrl } from '../fabric/nvme-tcp/url.ts';
import type { BridgeMessage, BridgeOptions } from './bridge-device.ts';
import type { AttachOptions } from './contract.ts';
import { hostIdentity } from './host-identity.ts';
import { pathTimes } from './path-times.ts';
import { readSecrets } from './secret-files.ts';
import { resolveName } from './resolve-name.ts';
import type { OpenSource } from './open-source.ts';
import type { AttachRequest } from './volume-lead.ts';

export type Source =
  | { readonly kind: 'nvme'; readonly request: Omit<AttachRequest, 'timeoutMs'> }
  | { readonly kind: 'memory'; readonly options: Omit<MemoryDeviceOptions, 'name'> }
  | { readonly kind: 'file'; readonly options: FileDeviceOptions }
  | {
      readonly kind: 'bridge';
      readonly options: Omit<BridgeOptions, 'device' | 'cells'>;
      /** Called once the device has its number, with the cells of each reactor: returns who hears of its requests. */
      readonly connect: (device: number, cells: readonly SharedArrayBuffer[]) => BridgeListener;
      readonly abandon: () => void;
    }
  | { readonly kind: 'alias'; readonly of: OpenSource };

/** The main thread's end of a bridge. */
export type BridgeListener = (reactor: number, message: BridgeMessage) => void;

/**
 * @throws CausewayError `bad-url`, `name-not-resolved`, `invalid-size`, `invalid-argument`, `no-host-identity`,
 * `file-open`, `secret-exposed`, `bad-secret`
 */
export async function parseSource(urls: readonly string[], options: AttachOptions): Promise<Source> {
  const [first] = urls;
  if (first === undefined) throw new CausewayError('bad-url', 'no URL was given');
  if (first.startsWith('mem:')) return { kind: 'memory', options: parseMemory(only(urls), options) };
  if (first.startsWith('file:')) return { kind: 'file', options: parseFile(only(urls), options) };
  return { kind: 'nvme', request: await parseTargets(urls, options) };
}

function only(urls: readonly string[]): string {
  const [url] = urls;
  if (url === undefined || urls.length > 1) {
    throw new CausewayError('bad-url', 'several URLs make one device only if all of them are paths to one volume');
  }
  return url;
}

function parameters(url: string, known: readonly string[]): { rest: string; values: URLSearchParams } {
  const at = url.indexOf('?');
  const values = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  for (const name of values.keys()) {
    if (!known.includes(name)) {
      throw new CausewayError('bad-url', `${url}: "${name}" is not known here (known: ${known.join(', ')})`);
    }
  }
  return { rest: at === -1 ? url : url.slice(0, at), values };
}

function blockSize(url: string, values: URLSearchParams): number {
  const text = values.get('block-size') ?? '4096';
  if (text === '512' || text === '4096') return Number(text);
  throw new CausewayError('bad-url', `${url}: block-size is 512 or 4096`);
}

/** `mem:1g[?block-size=512]` */
function parseMemory(url: string, options: AttachOptions): Omit<MemoryDeviceOptions, 'name'> {
  const { rest, values } = parameters(url, ['block-size']);
  const sizeBytes = parseSize(rest.slice('mem:'.length));
  return { sizeBytes, blockBytes: blockSize(url, values), readOnly: options.readOnly === true };
}

/** `file:/path[?size=1g&block-size=512]` */
function parseFile(url: string, options: AttachOptions): FileDeviceOptions {
  const { rest, values } = parameters(url, ['size', 'block-size']);
  const path = decodeURIComponent(rest.slice('file:'.length).replace(/^\/\/(?=\/)/, ''));
  if (path === '') throw new CausewayError('bad-url', `${url}: the path is missing`);
  const size = values.get('size');
  return {
    path,
    blockBytes: blockSize(url, values),
    readOnly: options.readOnly === true,
    ...(size === null ? {} : { sizeBytes: parseSize(size) }),
  };
}

async function parseTargets(
  urls: readonly string[],
  options: AttachOptions,
): Promise<Omit<AttachRequest, 'timeoutMs'>> {
  const { hostnqn, hostid } = hostIdentity(options.hostNqn, options.hostId);
  const parsed = urls.map((url) => parseNvmeUrl(url));
  const [first] = parsed;
  if (first === undefined) throw new CausewayError('bad-url', 'no URL was given');
  for (const one of parsed) {
    if (one.subnqn !== first.subnqn || one.nsid !== first.nsid) {
      throw new CausewayError('bad-url', 'the URLs name different subsystems or namespaces: attach them one by one');
    }
  }
  const digests =
    (options.headerDigest === true ? digestBit.header : 0) | (options.dataDigest === true ? digestBit.data : 0);
  const times = pathTimes(options);
  const dhchap = readSecrets(options);
  const targets: AssociationOptions[] = [];
  const seen = new Set<string>();
  for (const one of parsed) {
    for (const address of one.addresses) {
      const host = await resolveName(address.host);
      const key = `${host}:${address.port}`;
      if (seen.has(key)) throw new CausewayError('bad-url', `${key} is named twice`);
      seen.add(key);
      targets.push({
        address: { host, port: address.port },
        subnqn: one.subnqn,
        hostnqn,
        hostid,
        dhchap,
        digests: digests | one.digests,
        ...(one.nsid === undefined ? {} : { nsids: [one.nsid] }),
        ...definedOnly({
          queueDepth: options.queueSize ?? one.queueSize,
        }),
        ...times,
      });
    }
  }
  return { targets, ...(first.nsid === undefined ? {} : { nsid: first.nsid }) };
}

/** The address of one more path, `HOST[:PORT]`. @throws CausewayError `bad-url`, `name-not-resolved` */
export async function parseAddress(text: string, subnqn: string): Promise<{ host: string; port: number }> {
  const addresses = /[/?#,\s]/.test(text) ? [] : parseNvmeUrl(`nvme+tcp://${text}/${subnqn}`).addresses;
  const [address] = addresses;
  if (address === undefined) {
    throw new CausewayError('bad-url', `${JSON.stringify(text.slice(0, 100))} is no address of a path`, {
      hint: 'Write it as HOST[:PORT], such as 192.0.2.1:4420.',
    });
  }
  return { host: await resolveName(address.host), port: address.port };
}

function definedOnly(values: Record<string, number | undefined>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

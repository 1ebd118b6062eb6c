/** Asks discovery services which subsystems there are: for `causeway discover`, and for an attach without a subsystem. */
import { CausewayError } from '../base/errors.ts';
import type { Discovered, DiscoverOptions } from '../fabric/nvme-tcp/discovery.ts';
import { parseDiscoveryUrl } from '../fabric/nvme-tcp/url.ts';
import type { CausewayHost } from './host.ts';
import { hostIdentity } from './host-identity.ts';
import { resolveName } from './resolve-name.ts';
import { readSecrets, type SecretFiles } from './secret-files.ts';

/** Who asks: as `attach` says it. */
export interface DiscoverUrlOptions extends SecretFiles {
  readonly hostNqn?: string;
  readonly hostId?: string;
}

/** True for a URL that names hosts only: a discovery service. */
export function isDiscoveryUrl(url: string): boolean {
  return /^nvme\+tcp:\/\/[^/]+$/.test(url);
}

/** What the services of this URL know, each way once. @throws CausewayError of the first one that can not be asked */
export async function discoverUrl(host: CausewayHost, url: string, options: DiscoverUrlOptions): Promise<Discovered[]> {
  const { hostnqn, hostid } = hostIdentity(options.hostNqn, options.hostId);
  const dhchap = readSecrets(options);
  const found = new Map<string, Discovered>();
  for (const { host: name, port } of parseDiscoveryUrl(url)) {
    const order: DiscoverOptions = { address: { host: await resolveName(name), port }, hostnqn, hostid, dhchap };
    for (const entry of await host.lead.call<Discovered[]>('fabric.discover', order)) {
      found.set(`${entry.kind} ${entry.subnqn} ${entry.address.host}:${entry.address.port}`, entry);
    }
  }
  return [...found.values()];
}

/**
 * The URL of the one subsystem that a discovery service knows, over all ways to it.
 * @throws CausewayError `nothing-discovered`, `subsystem-ambiguous`
 */
export async function discoveredUrl(host: CausewayHost, url: string, options: DiscoverUrlOptions): Promise<string> {
  const ways = (await discoverUrl(host, url, options)).filter(
    ({ kind, needsTls }) => kind === 'subsystem' && !needsTls,
  );
  const names = [...new Set(ways.map(({ subnqn }) => subnqn))];
  const [subnqn] = names;
  if (subnqn === undefined) throw new CausewayError('nothing-discovered', `${url} shows no subsystem to this host`);
  if (names.length > 1) {
    throw new CausewayError('subsystem-ambiguous', `${url} shows several subsystems: ${names.join(', ')}`);
  }
  return urlOf(subnqn, ways);
}

/** `nvme+tcp://…/NQN` over these ways. */
export function urlOf(subnqn: string, ways: readonly Pick<Discovered, 'address'>[]): string {
  const hosts = ways.map(({ address: { host, port } }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  return `nvme+tcp://${hosts.join(',')}/${subnqn}`;
}

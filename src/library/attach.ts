/** `attach`: from URLs to a volume that the program can read and write. */
import { CausewayError } from '../base/errors.ts';
import type { CausewayHost } from '../host/host.ts';
import { DirectPort } from './direct-port.ts';
import { type AttachOptions, checkName } from './options.ts';
import { acquireHost, releaseHost } from './shared-host.ts';
import { AttachedVolume, type Volume } from './volume.ts';

let attached = 0;

function newName(): string {
  attached += 1;
  return `volume-${attached}`;
}

function checkUrls(urls: string | readonly string[]): readonly string[] {
  const list: readonly unknown[] = typeof urls === 'string' ? [urls] : urls;
  if (!Array.isArray(list) || !list.every((url) => typeof url === 'string')) {
    throw new CausewayError('bad-url', 'a volume is named by a URL, or by a list of URLs that lead to it');
  }
  return list.map(String);
}

/**
 * Attaches a volume: connects every path that the URLs name, and resolves when the volume can be used.
 *
 * @param urls one or several that lead to the same volume:
 * `nvme+tcp://HOST[:PORT][,HOST[:PORT]…]/SUBSYSTEM-NQN[?nsid=N]`, `file:/PATH[?size=SIZE&block-size=512]`,
 * `mem:SIZE[?block-size=512]`
 * @throws CausewayError `bad-url`, `invalid-size`, `invalid-name`, `invalid-argument`, `name-not-resolved`,
 * `nvme-unreachable` and others of the fabric, `no-such-namespace`, `namespace-ambiguous`, `volume-disagrees`,
 * `volume-attached`, `needs-root`, `io-uring-unavailable`, `file-open`, …: docs/library.md says where the table is
 */
export async function attach(urls: string | readonly string[], options: AttachOptions = {}): Promise<Volume> {
  const list = checkUrls(urls);
  const name = options.name ?? newName();
  checkName(name);
  const host = await acquireHost();
  try {
    return await attachOn(host, list, { ...options, name });
  } catch (error) {
    await releaseHost();
    throw error;
  }
}

async function attachOn(
  host: CausewayHost,
  urls: readonly string[],
  options: AttachOptions & { readonly name: string },
): Promise<Volume> {
  const attachment = await host.attach(urls, { ...options, kernelDevice: 'none' });
  try {
    return new AttachedVolume(attachment, await DirectPort.open(host.lead, attachment.source.device));
  } catch (error) {
    await attachment.detach({ force: true });
    throw error;
  }
}

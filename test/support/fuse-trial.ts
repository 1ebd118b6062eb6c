/** What every test of a FUSE kernel device does around its own matter: places of its own, and proof that nothing stays. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { ownMounts } from '../../src/native/mount.ts';
import type { FuseTransport, KernelDevice } from '../../src/kernel/contract.ts';
import type { KernelDeviceOptions } from '../../src/kernel/open.ts';
import type { Places } from '../../src/kernel/places.ts';
import { switchUringOn } from '../../src/kernel/fuse/transport.ts';
import { type Capability, requires } from './requires.ts';
import { TestHost, type TestHostOptions } from './fuse-host.ts';

// Before anything asks what this host offers: the product switches it on by itself as well.
switchUringOn(true);

export const transports: readonly FuseTransport[] = ['uring', 'classic'];

/** What a test over this transport needs. */
export function needs(transport: FuseTransport, ...more: Capability[]): ReturnType<typeof requires> {
  const base: Capability[] = ['root', 'io_uring', 'fuse', 'loop', ...more];
  return transport === 'uring' ? requires(...base, 'fuse-uring') : requires(...base);
}

export interface Trial {
  readonly host: TestHost;
  readonly places: Places;
  readonly directory: string;
  readonly open: (options?: Partial<KernelDeviceOptions>) => Promise<KernelDevice>;
}

export function backingFiles(): string[] {
  const files: string[] = [];
  for (const name of fs.readdirSync('/sys/block').filter((entry) => entry.startsWith('loop'))) {
    try {
      files.push(fs.readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim());
    } catch {
      // Nothing is attached.
    }
  }
  return files;
}

/**
 * A directory of its own for links, records and mount points. When the test ends, `end` is called, then nothing of the
 * test's may be left: no record, mount, loop device or link.
 */
export function somewhere(
  context: TestContext,
  end: () => Promise<void> = () => Promise.resolve(),
): { places: Places; directory: string } {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-fuse-')));
  const places = { runtimeDirectory: `${directory}/run`, linkDirectory: `${directory}/links` };
  context.after(async () => {
    await end();
    const left = fs.existsSync(places.runtimeDirectory) ? fs.readdirSync(places.runtimeDirectory) : ['.lock'];
    const mounts = ownMounts().filter((entry) => entry.target.startsWith(directory));
    const loops = backingFiles().filter((file) => file.startsWith(directory));
    const links = fs.existsSync(places.linkDirectory);
    assert.deepEqual({ left, mounts, loops, links }, { left: ['.lock'], mounts: [], loops: [], links: false });
    fs.rmSync(directory, { recursive: true });
  });
  return { places, directory };
}

/**
 * A host with one volume, and what is needed to open a device over it. After the test the device is taken away by force
 * if the test has not done it, and the reactors end.
 */
export async function trial(
  context: TestContext,
  transport: FuseTransport,
  hostOptions: TestHostOptions,
): Promise<Trial> {
  const devices: KernelDevice[] = [];
  const host = await TestHost.start(hostOptions);
  const { places, directory } = somewhere(context, async () => {
    for (const device of devices) {
      if (fs.existsSync(device.link ?? device.path)) await device.detach({ force: true });
    }
    await host.stop();
  });
  return {
    host,
    places,
    directory,
    open: async (options = {}) => {
      const device = await host.open('trial', { transport, places, ...options });
      devices.push(device);
      assert.equal(device.transport, transport === 'uring' ? 'FUSE over io_uring' : 'FUSE over /dev/fuse');
      return device;
    },
  };
}

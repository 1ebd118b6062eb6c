/** Discovery over real sockets: what an array tells of itself, attaching by it, and what is said where nothing is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PortConfig } from '../../src/array/config.ts';
import { requires } from '../support/requires.ts';
import { type Scene, withScene } from '../support/scene.ts';

const mebi = 2 ** 20;
const subsystem = 'nqn.2026-11.io.causeway:array';

/** An array with a port for each of `offers`, and a host. */
function withPorts(offers: readonly PortConfig['offers'][], body: (it: Scene) => Promise<void>): Promise<void> {
  const ports = offers.map((offer, index) => ({
    address: { host: `127.0.0.${index + 1}`, port: 0 },
    ...(offer === undefined ? {} : { offers: offer }),
  }));
  const array = { sizeBytes: 16 * mebi, advanced: { ports } };
  return withScene({ label: 'discovery', bound: 30_000, host: { reactors: 2 }, array }, body);
}

function portUrl(it: Scene, index: number): string {
  const port = it.array.ports[index];
  assert(port !== undefined);
  return `nvme+tcp://${port.address}:${port.port}`;
}

/** The ways to volumes that the service at this port tells of. */
async function told(it: Scene, index: number): Promise<readonly string[]> {
  const memory = await it.host.lead.call<{ memoryBytes: number }>('usage', null);
  const found = await it.host.discover(portUrl(it, index));
  const after = await it.host.lead.call<{ memoryBytes: number }>('usage', null);
  assert.equal(after.memoryBytes, memory.memoryBytes, 'memory is left');
  const volumes = found.filter(({ kind }) => kind === 'subsystem');
  assert(volumes.every(({ subnqn, needsTls }) => subnqn === subsystem && !needsTls));
  return volumes.map(({ address }) => `nvme+tcp://${address.host}:${address.port}`);
}

describe('discovery', requires('io_uring', 'root'), () => {
  it('an array tells all its ports on each of them', () =>
    withPorts([undefined, undefined, undefined], async (it) => {
      const all = [0, 1, 2].map((index) => portUrl(it, index));
      for (const index of [0, 1, 2]) assert.deepEqual(await told(it, index), all);
    }));

  it('a bare discovery controller tells of the ports that lead to volumes, and an attach finds them', () =>
    withPorts(['discovery', 'subsystem', 'subsystem'], async (it) => {
      assert.deepEqual(await told(it, 0), [portUrl(it, 1), portUrl(it, 2)]);
      await it.attach(portUrl(it, 0), { kernelDevice: 'none' });
      const { paths } = it.volume.view();
      assert.deepEqual(
        paths.map(({ id, state }) => `nvme+tcp://${id} ${state}`),
        [`${portUrl(it, 1)} live-optimized`, `${portUrl(it, 2)} live-optimized`],
      );
    }));

  it('a port for volumes only refuses, and a port where nobody listens is said to be one', () =>
    withPorts(['subsystem'], async (it) => {
      await assert.rejects(it.host.discover(portUrl(it, 0)), { code: 'nvme-connect-refused' });
      await assert.rejects(it.attach(portUrl(it, 0), {}), { code: 'nvme-connect-refused' });
      await assert.rejects(it.host.discover('nvme+tcp://127.0.0.1:9'), { code: 'nvme-unreachable' });
    }));
});

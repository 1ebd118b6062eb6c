/** In-band authentication over real sockets, with secrets from files. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { CausewayError, type ErrorCode } from '../../src/base/errors.ts';
import { type ArrayAuthentication, startArray } from '../../src/demo/array-thread.ts';
import type { GroupName, HashName } from '../../src/fabric/nvme-tcp/auth/names.ts';
import type { AttachOptions } from '../../src/host/contract.ts';
import { writeSecretFile } from '../../src/host/secret-files.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';
import { allOperations, assertSound, type LoadPlan, runVerified } from '../support/verified-load.ts';

const mebi = 2 ** 20;
const needs = requires('io_uring', 'root');
const hostNqn = 'nqn.2014-08.org.nvmexpress:uuid:0b2d9c10-3333-4444-8555-0123456789ab';
const plan: LoadPlan = { seed: 9, depth: 16, milliseconds: 400, smallest: 1, largest: 32, weights: allOperations };

/** Secrets of this run, which differ from byte to byte and from each other. */
class Secrets {
  readonly folder = fs.mkdtempSync('/tmp/causeway-secrets-');
  readonly host = this.#write('host', 1, 32, 1);
  readonly ctrl = this.#write('ctrl', 3, 64, 2);
  readonly other = this.#write('other', 2, 48, 3);

  #write(name: string, transform: number, bytes: number, salt: number): string {
    const file = path.join(this.folder, name);
    writeSecretFile(file, {
      transform,
      key: Uint8Array.from({ length: bytes }, (_unused, at) => (at * 37 + salt * 101) & 0xff),
    });
    return file;
  }

  /** What must stand nowhere. */
  get texts(): readonly string[] {
    return ['host', 'ctrl', 'other'].map((name) => fs.readFileSync(path.join(this.folder, name), 'utf8').slice(10, 40));
  }
}

async function withSecrets(body: (secrets: Secrets) => Promise<void>): Promise<void> {
  const secrets = new Secrets();
  try {
    await body(secrets);
  } finally {
    fs.rmSync(secrets.folder, { recursive: true });
  }
}

interface Play {
  readonly hash?: HashName;
  readonly group?: GroupName;
  readonly reactors?: number;
  readonly attach?: Partial<AttachOptions>;
}

function scene(secrets: Secrets, play: Play, more: Partial<SceneOptions> = {}): SceneOptions {
  const { hash = 'sha256', group = 'null', reactors = 2, attach } = play;
  const authentication: ArrayAuthentication = {
    hosts: { [hostNqn]: secrets.host },
    ctrlSecretFile: secrets.ctrl,
    hash,
    group,
  };
  return {
    label: 'auth',
    bound: 60_000,
    host: { reactors },
    array: { ports: 2, sizeBytes: 64 * mebi, authentication },
    ...(attach === undefined ? {} : { attach: { kernelDevice: 'none', hostNqn, ...attach } }),
    ...more,
  };
}

async function assertRefused(it: Scene, code: ErrorCode, options: Partial<AttachOptions>): Promise<void> {
  const work = it.host.attach([it.array.url], { name: `${it.name}-bad`, kernelDevice: 'none', hostNqn, ...options });
  await assert.rejects(work, (error) => {
    assert(error instanceof CausewayError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

describe('initiator and array that know the secrets', needs, () => {
  const hashes = ['sha256', 'sha384', 'sha512'] as const;
  const groups = ['null', 'ffdhe2048', 'ffdhe8192'] as const;
  for (const hash of hashes) {
    for (const group of groups) {
      it(`move data with ${hash} and ${group}, one way and both`, () =>
        withSecrets(async (secrets) => {
          for (const isMutual of [false, true]) {
            const attach = {
              dhchapSecretFile: secrets.host,
              ...(isMutual ? { dhchapCtrlSecretFile: secrets.ctrl } : {}),
            };
            await withScene(scene(secrets, { hash, group, attach }), async (it) => {
              const { paths } = it.volume.view();
              const how = { hash, group, isMutual };
              assert.deepEqual(
                paths.map(({ authenticated }) => authenticated),
                [how, how],
              );
              assertSound(await runVerified(it, plan), plan);
              // Two ports, each with an admin queue and an I/O queue of each reactor.
              const { authentications, authenticationsRefused } = await it.array.stats();
              assert.deepEqual([authentications, authenticationsRefused], [6, 0]);
            });
          }
        }));
    }
  }

  it('do so again after each loss of a path, while I/O goes on', () =>
    withSecrets(async (secrets) => {
      const attach = { dhchapSecretFile: secrets.host, dhchapCtrlSecretFile: secrets.ctrl };
      await withScene(scene(secrets, { group: 'ffdhe2048', attach }), async (it) => {
        const long = { ...plan, milliseconds: 4000 };
        const load = runVerified(it, long);
        let wanted = 6;
        for (const port of [0, 1, 0]) {
          await it.array.setPort(port, 'closed');
          await it.until(5000, 'the loss of a path', () => it.volume.view().paths[port]?.state !== 'live-optimized');
          await it.array.setPort(port, 'open');
          await it.until(10_000, 'the path', () => it.volume.view().paths[port]?.state === 'live-optimized');
          wanted += 3;
          assert((await it.array.stats()).authentications >= wanted, 'it came back without authentication');
        }
        assertSound(await load, long);
        const { counters, paths } = it.volume.view();
        assert.equal(counters.errors, 0);
        for (const { authenticated } of paths) assert.equal(authenticated?.isMutual, true);
      });
    }));

  it('tell the secrets to nobody', () =>
    withSecrets(async (secrets) => {
      const attach = { dhchapSecretFile: secrets.host, dhchapCtrlSecretFile: secrets.ctrl };
      await withScene(scene(secrets, { attach }), async (it) => {
        await assertRefused(it, 'nvme-authentication-refused', { dhchapSecretFile: secrets.other });
        const told = JSON.stringify([it.volume.view(), it.volume.statistics(), it.events, await it.array.stats()]);
        for (const text of secrets.texts) assert(!told.includes(text));
      });
    }));
});

describe('who does not know them', needs, () => {
  it('is refused for what is wrong, and disturbs nobody', () =>
    withSecrets(async (secrets) => {
      const attach = { dhchapSecretFile: secrets.host, dhchapCtrlSecretFile: secrets.ctrl };
      await withScene(scene(secrets, { group: 'ffdhe2048', attach }), async (it) => {
        await assertRefused(it, 'nvme-authentication-required', {});
        await assertRefused(it, 'nvme-authentication-refused', { dhchapSecretFile: secrets.other });
        await assertRefused(it, 'nvme-connect-refused', { dhchapSecretFile: secrets.host, hostNqn: `${hostNqn}0` });
        await assertRefused(it, 'nvme-controller-not-authentic', {
          dhchapSecretFile: secrets.host,
          dhchapCtrlSecretFile: secrets.other,
        });
        await assertRefused(it, 'invalid-argument', { dhchapCtrlSecretFile: secrets.ctrl });
        await assertRefused(it, 'file-open', { dhchapSecretFile: `${secrets.host}-that-is-not-there` });
        fs.chmodSync(secrets.other, 0o640);
        await assertRefused(it, 'secret-exposed', { dhchapSecretFile: secrets.other });
        const { paths } = it.volume.view();
        assert.deepEqual(
          paths.map(({ state, losses }) => ({ state, losses })),
          [
            { state: 'live-optimized', losses: 0 },
            { state: 'live-optimized', losses: 0 },
          ],
        );
        assertSound(await runVerified(it, plan), plan);
      });
    }));

  it('is not fooled by an array that asks for nothing', () =>
    withSecrets(async (secrets) => {
      const open = { array: { ports: 1, sizeBytes: 16 * mebi } };
      await withScene(scene(secrets, {}, open), async (it) => {
        const mutual = { dhchapSecretFile: secrets.host, dhchapCtrlSecretFile: secrets.ctrl };
        await assertRefused(it, 'nvme-authentication-downgrade', mutual);
      });
    }));

  it('is told why while a path is lost for it, and gets it back when the secret is right again', () =>
    withSecrets(async (secrets) => {
      const file = path.join(secrets.folder, 'volume');
      const attach = { dhchapSecretFile: secrets.host, reconnectFirst: 50, reconnectLongest: 1000 };
      const first = scene(secrets, {}, { array: { ports: 1, sizeBytes: 16 * mebi } });
      await withScene(first, async (it) => {
        const authentication: ArrayAuthentication = { hosts: { [hostNqn]: secrets.host } };
        const start = (hostSecret: string, port: number): ReturnType<typeof startArray> =>
          startArray({
            addresses: ['127.0.0.9'],
            port,
            file,
            sizeBytes: 16 * mebi,
            authentication: { ...authentication, hosts: { [hostNqn]: hostSecret } },
          });
        const port = (it.array.ports[0]?.port ?? 0) + 1;
        let array = await start(secrets.host, port);
        try {
          await it.attach(array.url, { kernelDevice: 'none', hostNqn, ...attach });
          await array.stop();
          array = await start(secrets.other, port);
          await it.until(10_000, 'the refusal', () =>
            /refuses this host/.test(it.volume.view().paths[0]?.reason ?? ''),
          );
          await array.stop();
          array = await start(secrets.host, port);
          await it.until(10_000, 'the path', () => it.volume.view().paths[0]?.state === 'live-optimized');
          await it.detach();
        } finally {
          await array.stop();
        }
      });
    }));
});

/**
 * In-band authentication with Linux, both ways round: our initiator with nvmet, and Linux's host with our array. All of it
 * in one guest, over its loopback.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError, type ErrorCode } from '../../../src/base/errors.ts';
import { startArray } from '../../../src/demo/array-thread.ts';
import { type GroupName, hashNames } from '../../../src/fabric/nvme-tcp/auth/names.ts';
import type { AttachOptions } from '../../../src/host/contract.ts';
import { type CausewayHost, startHost } from '../../../src/host/host.ts';
import type { VerifierResult } from '../../../src/host/verifier.ts';
import { attempt, type Outcome, run, shell } from '../../support/commands.ts';
import { check } from '../harness/check.ts';
import { KernelTarget } from '../harness/nvmet.ts';

const config = '/sys/kernel/config/nvmet';
const subnqn = 'nqn.2026-11.io.causeway:nvmet';
const hostnqn = 'nqn.2014-08.org.nvmexpress:uuid:5c9e1c0e-2222-4f3a-9f0c-0123456789ab';
const hostid = '5c9e1c0e-2222-4f3a-9f0c-0123456789ab';
const target = `hosts/${hostnqn}`;
const folder = fs.mkdtempSync('/tmp/causeway-auth-');
const groups: readonly GroupName[] = ['null', 'ffdhe2048', 'ffdhe8192'];
/** JavaScript is slow in here. */
const patience: Partial<AttachOptions> = { timeout: 60_000, keepAlive: 60_000, hostNqn: hostnqn, hostId: hostid };

function write(folderOfIt: string, attributes: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(attributes)) fs.writeFileSync(path.join(config, folderOfIt, name), value);
}

/** A secret as nvme-cli makes it, in a file. */
async function secret(name: string, hash: number): Promise<string> {
  const file = path.join(folder, name);
  fs.writeFileSync(file, (await run('nvme', 'gen-dhchap-key', '-m', String(hash))).trim(), { mode: 0o600 });
  return file;
}

function textOf(file: string): string {
  return fs.readFileSync(file, 'utf8');
}

/** Linux's target, for one host only. */
async function startTarget(): Promise<void> {
  const kernelTarget = await KernelTarget.start([4420]);
  await kernelTarget.addSubsystem(subnqn, { bytes: 32 * 2 ** 20 });
  const subsystem = `subsystems/${subnqn}`;
  fs.mkdirSync(path.join(config, target));
  write(subsystem, { attr_allow_any_host: '0' });
  fs.symlinkSync(path.join(config, target), path.join(config, subsystem, 'allowed_hosts', hostnqn));
  await run('modprobe', 'nvme-tcp');
}

/** Writes and reads on every reactor, so on every queue. */
async function assertSound(host: CausewayHost, device: number): Promise<void> {
  const blocks = 256;
  const plan = { depth: 4, milliseconds: 100, smallest: 1, largest: 8, weights: { read: 1, write: 1 } };
  const results = await host.callAll<VerifierResult>('verifier.run', (reactor) => ({
    device,
    plan: { ...plan, seed: volumes, first: reactor * blocks, blocks },
  }));
  for (const { failed, wrong } of results) assert.deepEqual({ failed, wrong }, { failed: {}, wrong: 0 });
}

let volumes = 0;

async function attached(
  host: CausewayHost,
  files: Pick<AttachOptions, 'dhchapSecretFile' | 'dhchapCtrlSecretFile'>,
): Promise<{ isMutual: boolean; hash: string; group: string } | null> {
  volumes += 1;
  const options = { name: `v${volumes}`, kernelDevice: 'none' as const, ...patience, ...files };
  const attachment = await host.attach([`nvme+tcp://127.0.0.1:4420/${subnqn}`], options);
  const [way] = attachment.view().paths;
  assert.equal(way?.state, 'live-optimized');
  await assertSound(host, attachment.source.device);
  await attachment.detach();
  return way?.authenticated ?? null;
}

async function assertRefused(host: CausewayHost, files: Partial<AttachOptions>, code: ErrorCode): Promise<void> {
  await assert.rejects(attached(host, files), (error) => {
    assert(error instanceof CausewayError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

await startTarget();
const hostKey = await secret('host', 1);
const ctrlKey = await secret('ctrl', 3);
const otherKey = await secret('other', 2);
const host = await startHost({ reactors: 2 });
write(target, { dhchap_key: textOf(hostKey) });

for (const hash of hashNames) {
  for (const group of groups) {
    await check(`nvmet takes our host with ${hash} and ${group}, one way and both`, async () => {
      write(target, { dhchap_hash: `hmac(${hash})`, dhchap_dhgroup: group });
      write(target, { dhchap_ctrl_key: textOf(ctrlKey) });
      const oneWay = await attached(host, { dhchapSecretFile: hostKey });
      assert.deepEqual(oneWay, { hash, group, isMutual: false });
      const mutual = await attached(host, { dhchapSecretFile: hostKey, dhchapCtrlSecretFile: ctrlKey });
      assert.deepEqual(mutual, { hash, group, isMutual: true });
    });
  }
}

await check('nvmet refuses what is wrong, and we refuse a target that is not who it says', async () => {
  await assertRefused(host, {}, 'nvme-authentication-required');
  await assertRefused(host, { dhchapSecretFile: otherKey }, 'nvme-authentication-refused');
  await assertRefused(
    host,
    { dhchapSecretFile: hostKey, dhchapCtrlSecretFile: otherKey },
    'nvme-controller-not-authentic',
  );
});
await host.stop();

const arrayPort = '4520';

function nvme(verb: string, ...args: string[]): Promise<Outcome> {
  const where = ['-t', 'tcp', '-a', '127.0.0.1', '-s', arrayPort, '--hostnqn', hostnqn, '--hostid', hostid];
  return attempt('nvme', [verb, ...where, ...args], 120);
}

/** The disk that the connection made. */
async function disk(arrayNqn: string): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    for (const name of fs.readdirSync('/sys/block')) {
      const file = `/sys/block/${name}/device/subsysnqn`;
      if (/^nvme\d+n\d+$/.test(name) && fs.existsSync(file) && fs.readFileSync(file, 'utf8').trim() === arrayNqn) {
        return `/dev/${name}`;
      }
    }
    await sleep(100);
  }
  throw new Error('the connection made no disk');
}

for (const [index, hash] of hashNames.entries()) {
  for (const group of groups) {
    await check(`our array takes Linux's host with ${hash} and ${group}`, async () => {
      const array = await startArray({
        addresses: ['127.0.0.1'],
        port: Number(arrayPort),
        sizeBytes: 32 * 2 ** 20,
        authentication: { hosts: { [hostnqn]: hostKey }, ctrlSecretFile: ctrlKey, hash, group },
      });
      try {
        const connect = ['-n', array.subsystem, '-i', '2'];
        const oneWay = ['--dhchap-secret', textOf(hostKey)];
        const both = [...oneWay, '--dhchap-ctrl-secret', textOf(ctrlKey)];
        for (const secrets of group === groups[index] ? [oneWay, both] : [both]) {
          const connected = await nvme('connect', ...connect, ...secrets);
          assert.equal(connected.code, 0, connected.stderr);
          const { controllers, authentications } = await array.stats();
          const isMutual = secrets.length > 2;
          assert.deepEqual(controllers.find(({ kind }) => kind === 'io')?.authenticated, { hash, group, isMutual });
          assert(authentications >= 3, 'not on every queue');
          const device = await disk(array.subsystem);
          const job = `--filename=${device} --size=4m --rw=randwrite --bs=4k --iodepth=4 --direct=1 --verify=crc32c`;
          if (group === groups[index]) await shell(`fio --name=verify --ioengine=libaio ${job}`);
          await run('nvme', 'disconnect', '-n', array.subsystem);
        }
        if (group !== 'null') return;
        const without = await nvme('connect', ...connect);
        assert.notEqual(without.code, 0, 'a host without a secret was let in');
        const wrong = await nvme('connect', ...connect, '--dhchap-secret', textOf(otherKey));
        assert.notEqual(wrong.code, 0, 'a host with a wrong secret was let in');
        const impostor = ['--dhchap-secret', textOf(hostKey), '--dhchap-ctrl-secret', textOf(otherKey)];
        assert.notEqual((await nvme('connect', ...connect, ...impostor)).code, 0, 'an impostor was believed');
        assert.equal((await nvme('discover')).code, 0, 'discovery is open to all');
      } finally {
        await array.stop();
      }
    });
  }
}

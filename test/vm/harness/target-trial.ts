/**
 * Our initiator and Linux's target, through all that happens to an array in its life. The same for a host in the guest
 * and for one outside: only the addresses differ, and by which way the target is changed.
 */
import assert from 'node:assert/strict';
import type { AttachOptions } from '../../../src/host/contract.ts';
import { startHost, type CausewayHost } from '../../../src/host/host.ts';
import type { ServedVolume } from '../../../src/host/served-volume.ts';
import type { VerifierPlan, VerifierResult } from '../../../src/host/verifier.ts';
import type { PathState } from '../../../src/multipath/state.ts';
import { until } from '../../support/until.ts';
import { allOperations, assertSound, type LoadPlan, only } from '../../support/verified-load.ts';
import type { TargetControl } from './nvmet.ts';

const MEBI = 2 ** 20;
const SUBNQN = 'nqn.2026-11.io.causeway.test:kernel-target';
const SMALL = 'nqn.2026-11.io.causeway.test:two-controllers';
/** For anything that follows within a round trip or a reconnect on a fast machine; this one is emulated. */
const PATIENCE = 60_000;

/** Linux's target names no time after which a lost controller is still; this is a promise that the test makes for it. */
const TIMING = { keepAlive: 5_000, quiesceTime: 1_000, reconnectFirst: 200, reconnectLongest: 1_000 } as const;

/** It tells of a volatile cache whatever is behind it. Here that is one loop device for all controllers. */
const OPTIONS = { kernelDevice: 'none', isNew: true, assumeSharedCache: true, timeout: PATIENCE, ...TIMING } as const;

/** A round of the verifying load. */
const LOAD = { depth: 16, milliseconds: 1_500, smallest: 1, largest: 32 } as const;

export type Check = (name: string, body: () => Promise<void>) => Promise<unknown>;

export interface TargetPort {
  /** The TCP port in the guest. */
  readonly port: number;
  /** `address:port` as the host under test reaches it. */
  readonly reached: string;
}

export async function tryTarget(
  control: TargetControl,
  [first, second]: readonly [TargetPort, TargetPort],
  check: Check,
): Promise<void> {
  await control.addSubsystem(SUBNQN, { bytes: 64 * MEBI });
  const host = await startHost();
  host.onEvent(({ message }) => console.log(message));
  try {
    await check('discovery follows the referral from one port to the other', async () => {
      await control.refer(first.port, second.reached);
      for (const [reached, told] of [
        [first.reached, [first.port, second.port]],
        [second.reached, [second.port]],
      ] as const) {
        const found = await host.discover(`nvme+tcp://${reached}`);
        const ports = found.filter(({ subnqn }) => subnqn === SUBNQN).map(({ address }) => address.port);
        assert.deepEqual(new Set(ports), new Set(told));
      }
    });
    const trial = new Trial(host);
    const url = `nvme+tcp://${first.reached},${second.reached}/${SUBNQN}`;
    await check('a volume over both ports', async () => {
      await trial.attach(url);
      const view = trial.volume.view();
      assert.deepEqual([view.sizeBytes, view.readOnly, view.volatileCache], [64 * MEBI, false, true]);
      assert.match(view.model, /Linux/);
      await trial.untilStates({ [first.reached]: 'live-optimized', [second.reached]: 'live-optimized' });
    });
    await check('every operation, verified, over both', async () => {
      await trial.loadWhile(() => Promise.resolve());
      assert(trial.volume.view().paths.every(({ counters }) => counters.reads > 0 && counters.writes > 0));
    });
    await check('ANA states are followed under I/O', async () => {
      for (const [state, shown] of [
        ['non-optimized', 'live-non-optimized'],
        ['inaccessible', 'inaccessible'],
        ['optimized', 'live-optimized'],
      ] as const) {
        await trial.loadWhile(async () => {
          await control.setAna(first.port, state);
          await trial.untilStates({ [first.reached]: shown, [second.reached]: 'live-optimized' });
        });
      }
      assert.equal(trial.volume.view().counters.errors, 0);
    });
    await check('I/O waits while no port may be used, and goes on after', async () => {
      await trial.loadWhile(async () => {
        for (const { port } of [first, second]) await control.setAna(port, 'inaccessible');
        await until('requests that wait', () => trial.volume.view().counters.waiting > 0, PATIENCE);
        for (const { port } of [first, second]) await control.setAna(port, 'optimized');
        await until('requests that go on', () => trial.volume.view().counters.waiting === 0, PATIENCE);
      });
    });
    await check('a port goes and comes back under I/O', async () => {
      for (const { port, reached } of [first, second]) {
        await trial.loadWhile(async () => {
          await control.closePort(SUBNQN, port);
          await until(`${reached} to be down`, () => trial.stateOf(reached) === 'down', PATIENCE);
        });
        await trial.loadWhile(async () => {
          await control.openPort(SUBNQN, port);
          await trial.untilStates({ [reached]: 'live-optimized' });
        });
      }
      assert.equal(trial.volume.view().counters.errors, 0);
    });
    await check('the volume grows under I/O', async () => {
      await trial.loadWhile(async () => {
        await control.resize(SUBNQN, 96 * MEBI);
        await until('the new size', () => trial.volume.view().sizeBytes === 96 * MEBI, PATIENCE);
      });
    });
    await check(
      'where the cache is not said to be shared, one flush tells of a lost port, and the next is well',
      async () => {
        await trial.volume.detach();
        await trial.attach(url, { assumeSharedCache: false });
        const bare = { read: 1, write: 1 };
        await trial.loadWhile(async () => {
          await control.closePort(SUBNQN, first.port);
          await until('the loss', () => trial.stateOf(first.reached) === 'down', PATIENCE);
        }, bare);
        const { failed, wrong } = await trial.round(allOperations);
        assert.deepEqual([Object.keys(failed), wrong], [['io-error'], 0]);
        await trial.loadWhile(() => Promise.resolve());
        await control.openPort(SUBNQN, first.port);
      },
    );
    await check('it is detached', async () => {
      await trial.volume.detach();
    });
    await check('more controllers than the target has: refused, and said why', async () => {
      await control.addSubsystem(SMALL, { bytes: 16 * MEBI, mostControllers: 1 });
      const both = await host.attach([`nvme+tcp://${first.reached},${second.reached}/${SMALL}`], {
        ...OPTIONS,
        name: 'small',
      });
      const refused = both.view().paths.filter(({ state }) => state !== 'live-optimized');
      assert.equal(refused.length, 1);
      assert.match(refused[0]?.reason ?? '', /controller/i);
      await assert.rejects(
        host.attach([`nvme+tcp://${second.reached}/${SMALL}`], {
          ...OPTIONS,
          name: 'another',
          hostNqn: 'nqn.2026-11.io.causeway.test:another-host',
          hostId: '6f4ad1ee-3c0f-4c33-9f5e-2f2d6a1d2a00',
          timeout: 3_000,
        }),
        { code: 'nvme-connect-refused' },
      );
      await both.detach();
      await control.removeSubsystem(SMALL);
    });
  } finally {
    await host.stop();
  }
  await control.removeSubsystem(SUBNQN);
}

class Trial {
  readonly #host: CausewayHost;
  #volume: ServedVolume | null = null;
  #seed = 1;

  constructor(host: CausewayHost) {
    this.#host = host;
  }

  get volume(): ServedVolume {
    assert(this.#volume !== null, 'no volume is attached');
    return this.#volume;
  }

  async attach(url: string, options: Partial<AttachOptions> = {}): Promise<void> {
    this.#volume = await this.#host.attach([url], { name: 'kernel-target', flapLimit: 0, ...OPTIONS, ...options });
  }

  stateOf(id: string): PathState | undefined {
    return this.volume.view().paths.find((path) => path.id === id)?.state;
  }

  async untilStates(wanted: Readonly<Record<string, PathState>>): Promise<void> {
    const shown = (): string =>
      JSON.stringify(this.volume.view().paths.map(({ id, state, reason }) => [id, state, reason]));
    const reached = (): boolean => Object.entries(wanted).every(([id, state]) => this.stateOf(id) === state);
    await until(JSON.stringify(wanted), reached, PATIENCE).catch((error: unknown) => {
      throw new Error(`paths are ${shown()}`, { cause: error });
    });
  }

  /** The verifying load, in rounds until `work` is done, which begins when I/O goes over all paths that live. */
  async loadWhile(work: () => Promise<void>, weights: LoadPlan['weights'] = allOperations): Promise<void> {
    const progress = { working: true };
    const done = this.#afterSomeIo(work).finally(() => {
      progress.working = false;
    });
    // Awaited below; a failure must not count as unhandled until then.
    done.catch(() => {});
    do assertSound([await this.round(weights)], { ...LOAD, seed: this.#seed, weights });
    while (progress.working);
    await done;
  }

  async #afterSomeIo(work: () => Promise<void>): Promise<void> {
    const writes = (): number[] => this.volume.view().paths.map(({ counters }) => counters.writes);
    const live = this.volume.view().paths.map(({ state }) => state === 'live-optimized');
    const before = writes();
    await until('I/O', () => writes().every((count, index) => !live[index] || count > before[index]!), PATIENCE);
    await work();
  }

  async round(weights: LoadPlan['weights']): Promise<VerifierResult> {
    this.#seed += 1;
    const { device, geometry } = this.volume.source;
    // Only what was there from the beginning, should it grow meanwhile.
    const blocks = Math.floor((32 * MEBI) / geometry.blockBytes);
    const plan: VerifierPlan = { ...LOAD, seed: this.#seed, weights, first: 0, blocks };
    return only(await this.#host.callAll<VerifierResult>('verifier.run', () => ({ device, plan })));
  }
}

/** `causeway policy`, `path add` and `path remove`: on a device that is served, and what can be said wrongly. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { causeway, freshName, startReady, traces } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

interface Told {
  readonly policy: Readonly<Record<string, unknown>> & { readonly weights: Readonly<Record<string, number>> };
}

describe('the policy of a device', requires('root', 'io_uring', 'fuse', 'loop'), () => {
  test('is what attach was told, changes while it is served, and `show` has the present one', async () => {
    const name = freshName();
    const words = ['--selector', 'round-robin', '--minimum-run', '4', '--flap-window', '2m', '--latency-memory', '1s'];
    const { running, ready } = await startReady('demo', '--name', name, '--size', '64m', '--ports', '2', ...words);
    const [first = '', second = ''] = ready.paths.map(({ id }) => id);
    const before = JSON.parse((await causeway('policy', 'get', name, '--json')).stdout) as Told;
    const { selector, minimumRun, flapWindow, latencyMemory, weights } = before.policy;
    assert.deepEqual(
      { selector, minimumRun, flapWindow, latencyMemory, weights },
      {
        selector: 'round-robin',
        minimumRun: 4,
        flapWindow: 120_000,
        latencyMemory: 1000,
        weights: { [first]: 1, [second]: 1 },
      },
    );
    assert.match((await causeway('show', name)).stdout, /multipath +round-robin, 4 in a row; I\/O waits for ever/);

    const set = await causeway('policy', 'set', name, '--selector', 'weighted', '--weight', '2=3', '--json');
    const after = JSON.parse(set.stdout) as Told;
    const changed = { selector: 'weighted', weights: { [first]: 1, [second]: 3 } };
    assert.deepEqual(after.policy, { ...before.policy, ...changed });
    const text = await causeway('policy', 'set', name, '--when-no-path', '30s', '--ghost-writes', 'strict');
    assert.match(text.stdout, /^ghost-writes +strict\n(.*\n)*when-no-path +30s$/m);
    const shown = (await causeway('show', name)).stdout;
    assert.match(shown, /multipath +weighted, weights 1, 3; I\/O waits 30 s/);
    assert.match(shown, /ghost writes +strict/);

    const wrong: [words: string[], exit: number, code: string][] = [
      [[name], 2, 'wrong-usage'],
      [[name, '--selector', 'fastest'], 2, 'invalid-argument'],
      [[name, '--weight', `${first}=0`], 2, 'invalid-argument'],
      [[name, '--weight', '192.0.2.1:4420=5'], 7, 'no-such-path'],
      [[name, '--ghost-writes', 'none'], 2, 'invalid-argument'],
      [[name, '--failback', 'soon'], 2, 'invalid-argument'],
      [[name, '--keep-alive', '5s'], 2, 'unknown-option'],
      [['nobody-here', '--selector', 'latency'], 7, 'no-such-device'],
    ];
    for (const [given, exit, code] of wrong) {
      const refused = await causeway('policy', 'set', ...given);
      assert.deepEqual([refused.code, refused.stdout], [exit, ''], refused.stderr);
      assert.match(refused.stderr, new RegExp(`\\[${code}\\]\\n$`));
    }
    const still = JSON.parse((await causeway('policy', 'get', name, '--json')).stdout) as Told;
    assert.deepEqual(still.policy, { ...after.policy, noPathRetry: 30_000, ghostWrites: 'strict' });
    assert.equal((await causeway('policy', 'set', name, '--ghost-writes', 'none', '--accept-stale-data')).code, 0);
    assert.equal((await causeway('policy', 'set', name, '--ghost-writes', 'quarantine')).code, 0);
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
    assert.deepEqual(traces(name), []);
  });

  test('a device without paths has none', async () => {
    const name = freshName();
    assert.equal((await causeway('attach', 'mem:64m', '--name', name, '--background')).code, 0);
    for (const words of [
      ['get', name],
      ['set', name, '--selector', 'latency'],
    ]) {
      const refused = await causeway('policy', ...words);
      assert.equal(refused.code, 7, refused.stderr);
      assert.match(refused.stderr, /has no paths.*\[no-such-path\]/);
    }
    assert.equal((await causeway('detach', name)).code, 0);
  });
});

describe('paths that come and go', requires('root', 'io_uring', 'fuse', 'loop'), () => {
  test('by command, while it is served', async () => {
    const name = freshName();
    const { running, ready } = await startReady('demo', '--name', name, '--size', '64m', '--ports', '3');
    const [first = '', second = '', third = ''] = ready.paths.map(({ id }) => id);
    const paths = async (): Promise<string[]> => {
      const { stdout } = await causeway('path', 'list', name, '--json');
      return (JSON.parse(stdout) as { paths: { id: string }[] }).paths.map(({ id }) => id);
    };
    const removed = await causeway('path', 'remove', name, '1', '--json');
    assert.deepEqual(JSON.parse(removed.stdout), { name, path: first, state: 'removed' });
    assert.deepEqual(await paths(), [second, third]);
    await running.line('"event":"path-removed"');
    const gone = await causeway('path', 'restore', name, first);
    assert.deepEqual([gone.code, /no-such-path/.test(gone.stderr)], [7, true]);
    const added = await causeway('path', 'add', name, first, '--json');
    assert.deepEqual(JSON.parse(added.stdout), { name, path: first, state: 'live-optimized' });
    assert.deepEqual((await paths()).toSorted(), [first, second, third].toSorted());

    const wrong: [words: string[], exit: number, code: string][] = [
      [['add', name, first], 6, 'path-exists'],
      [['add', name, '127.0.0.1:1'], 4, 'nvme-unreachable'],
      [['add', name, 'nvme+tcp://127.0.0.1'], 2, 'bad-url'],
      [['add', name, '127.0.0.1,127.0.0.2'], 2, 'bad-url'],
      [['remove', name, '127.0.0.9'], 7, 'no-such-path'],
      [['remove', 'nobody-here', '1'], 7, 'no-such-device'],
    ];
    for (const [words, exit, code] of wrong) {
      const refused = await causeway('path', ...words);
      assert.deepEqual([refused.code, refused.stdout], [exit, ''], refused.stderr);
      assert.match(refused.stderr, new RegExp(`\\[${code}\\]\\n$`));
    }
    for (const id of [second, third]) assert.equal((await causeway('path', 'remove', name, id)).code, 0);
    const last = await causeway('path', 'remove', name, '1');
    assert.deepEqual([last.code, /last-path/.test(last.stderr)], [6, true]);
    assert.equal((await causeway('path', 'remove', name, '1', '--force')).code, 0);
    assert.deepEqual(await paths(), []);
    assert.equal((await causeway('path', 'add', name, second)).code, 0);
    assert.match((await causeway('show', name)).stdout, /1 of 1 live/);
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
    assert.deepEqual(traces(name), []);
  });
});

/** The verifying load on every reactor of a scene's host, with no kernel device between. */
import assert from 'node:assert/strict';
import { defined } from '../../src/base/assert.ts';
import type { VerifierPlan, VerifierResult } from '../../src/host/verifier.ts';
import type { Scene } from './scene.ts';

export type LoadPlan = Omit<VerifierPlan, 'first' | 'blocks'>;

/** Everything a host does, reads and writes most. */
export const allOperations = { read: 6, write: 6, flush: 1, discard: 1, writeZeroes: 1 } as const;

/** Runs it on all reactors, each on a stretch of its own. Results by reactor. */
export async function runVerified(scene: Scene, plan: LoadPlan): Promise<readonly VerifierResult[]> {
  const { device, geometry } = scene.volume.source;
  const reactors = scene.host.reactors.length;
  const blocks = Math.floor(geometry.sizeBytes / geometry.blockBytes / reactors);
  return await scene.onReactors<VerifierResult>('verifier.run', (reactor) => ({
    device,
    plan: { ...plan, seed: plan.seed + reactor, first: reactor * blocks, blocks },
  }));
}

/** Nothing failed, nothing was wrong, and every reactor did something of everything it was asked for. */
export function assertSound(results: readonly VerifierResult[], plan: LoadPlan): void {
  for (const [reactor, { failed, wrong, firstWrong, done }] of results.entries()) {
    assert.deepEqual({ failed, wrong, firstWrong }, { failed: {}, wrong: 0, firstWrong: '' }, `reactor ${reactor}`);
    const wanted = Object.entries(plan.weights).filter(([, weight]) => weight > 0);
    assert.equal(Object.keys(done).length, wanted.length, `reactor ${reactor} did only ${JSON.stringify(done)}`);
  }
}

/** One result, of a host with one reactor. */
export function only(results: readonly VerifierResult[]): VerifierResult {
  assert.equal(results.length, 1);
  return defined(results[0], 'a result');
}

/**
 * Tests of the I/O contract that any body of it must pass. A body's own test file calls `ioContractTests` with a way to
 * make reactors of its kind.
 */
import { describe, it } from 'node:test';
import { Random } from '../base/random.ts';
import type { ContractBodies, ContractTest } from './contract-tests/bodies.ts';
import { fileTests } from './contract-tests/files.ts';
import { loopTests } from './contract-tests/loop.ts';
import { memoryTests } from './contract-tests/memory.ts';
import { socketTests } from './contract-tests/sockets.ts';

export type { ContractBodies } from './contract-tests/bodies.ts';

/**
 * Registers the tests under `name`, once for each seed. The seed decides what data they use, and, where the body is
 * deterministic, everything else; it is part of a failing test's name.
 */
export function ioContractTests(
  name: string,
  makeBodies: (seed: number) => ContractBodies | Promise<ContractBodies>,
  seeds: readonly number[] = [1],
): void {
  const tests: Record<string, ContractTest> = { ...loopTests, ...memoryTests, ...socketTests, ...fileTests };
  describe(`I/O contract on ${name}`, () => {
    for (const [title, test] of Object.entries(tests)) {
      for (const seed of seeds) {
        it(seeds.length === 1 ? title : `${title} (seed ${seed})`, async () => {
          const bodies = await makeBodies(seed);
          try {
            await bodies.run(test(bodies, new Random(seed)));
          } finally {
            await bodies.close();
          }
        });
      }
    }
  });
}

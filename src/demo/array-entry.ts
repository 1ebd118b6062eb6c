/** The entry of the reactor that runs the embedded array. */
import { defined } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { EmbeddedArray } from '../array/array.ts';
import type { ArrayOptions } from '../array/config.ts';
import type { ArrayFaults } from '../array/faults.ts';
import { runWorker } from '../host/worker-main.ts';

type FaultName = Exclude<keyof ArrayFaults, 'constructor'>;

runWorker(({ io }) => {
  let array: EmbeddedArray | null = null;
  return {
    'array.start': async (options: ArrayOptions) => {
      array = new EmbeddedArray(io, options);
      await array.listen();
      return [...array.addresses.values()];
    },
    'array.stop': async () => {
      await array?.close();
      array = null;
    },
    'array.stats': async () => defined(array, 'no array').stats,
    'array.fault': async (order: { name: string; args: readonly unknown[] }) => {
      const { faults } = defined(array, 'no array');
      const fault: unknown = Object.hasOwn(Object.getPrototypeOf(faults) as object, order.name)
        ? faults[order.name as FaultName]
        : undefined;
      if (typeof fault !== 'function' || order.name === 'constructor') {
        throw new CausewayError('invalid-argument', `the array has no fault "${order.name}"`);
      }
      return (await Reflect.apply(fault, faults, order.args)) as unknown;
    },
  };
});

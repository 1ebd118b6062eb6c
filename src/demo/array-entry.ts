/** The entry of the reactor that runs the embedded array. */
import { defined } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { EmbeddedArray } from '../array/array.ts';
import type { ArrayOptions } from '../array/config.ts';
import { ArrayFaults } from '../array/faults.ts';
import { type DhAnswer, DhOrders } from '../host/dh-helper.ts';
import { runWorker } from '../host/worker-main.ts';

runWorker(({ io, emit }) => {
  let array: EmbeddedArray | null = null;
  const dhOrders = new DhOrders(io, (order) => emit('dh-order', order));
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
    'dh.answer': async (answer: DhAnswer) => dhOrders.onAnswer(answer),
    'array.stats': async () => defined(array, 'no array').stats,
    'array.fault': async (order: { name: string; args: readonly unknown[] }) => {
      const { faults } = defined(array, 'no array');
      // Only what the class itself offers: the order may have come over a control socket.
      const offered = Object.getOwnPropertyDescriptor(ArrayFaults.prototype, order.name);
      const fault: unknown = order.name === 'constructor' ? undefined : offered?.value;
      if (typeof fault !== 'function') {
        throw new CausewayError('invalid-argument', `the array has no fault "${order.name}"`);
      }
      const result: unknown = await Reflect.apply(fault, faults, order.args);
      return result;
    },
  };
});

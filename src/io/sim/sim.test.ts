import { ioContractTests } from '../contract-tests.ts';
import { World } from './world.ts';

const seeds = Array.from({ length: 25 }, (_, index) => index + 1);

ioContractTests(
  'sim',
  (seed) => {
    const world = new World({ seed });
    const io = world.io('near');
    const other = seed % 3 === 0 ? io : world.io('far');
    return {
      io,
      other,
      host: '10.0.0.1',
      overflowBytes: 2 * 1024 * 1024,
      path: (name) => `/files/${name}`,
      run: (work) => world.drive(work),
      close: () => Promise.resolve(),
    };
  },
  seeds,
);

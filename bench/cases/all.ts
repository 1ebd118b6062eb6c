/** Every case, in the order in which they run. */
import type { BenchCase } from '../case.ts';
import { failover } from './failover.ts';
import { footprint } from './footprint.ts';
import { initiator } from './initiator.ts';
import { kernelDevice } from './kernel-device.ts';
import { manyVolumes } from './many-volumes.ts';
import { realKernels } from './real-kernels.ts';
import { wholeWay } from './whole-way.ts';

export const allCases: readonly BenchCase[] = [
  kernelDevice,
  initiator,
  wholeWay,
  failover,
  footprint,
  manyVolumes,
  realKernels,
];

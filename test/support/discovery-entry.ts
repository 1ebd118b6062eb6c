/** The entry of a reactor that asks discovery services, for tests. */
import { discover, type DiscoverOptions } from '../../src/fabric/nvme-tcp/discovery.ts';
import { runWorker } from '../../src/host/worker-main.ts';

runWorker(({ io }) => ({
  discover: (options: DiscoverOptions) => discover(io, options),
  usage: () => Promise.resolve(io.memory.takenBytes),
}));

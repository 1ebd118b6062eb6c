/** Makes the reactor side of whatever kind of kernel device a plan is for. */
import type { BlockDevice } from '../block/device.ts';
import type { UringIo } from '../io/uring/io.ts';
import type { KernelQueueServer, QueuePlan } from './contract.ts';
import { FuseQueueServer } from './fuse/server.ts';
import { NbdQueueServer } from './nbd/server.ts';
import { UblkQueueServer } from './ublk/server.ts';

/** @throws CausewayError `out-of-memory` */
export function makeQueueServer(io: UringIo, device: BlockDevice, plan: QueuePlan): KernelQueueServer {
  switch (plan.kind) {
    case 'fuse':
      return new FuseQueueServer(io, device, plan);
    case 'nbd':
      return new NbdQueueServer(io, device, plan);
    case 'ublk':
      return new UblkQueueServer(io, device, plan);
  }
}

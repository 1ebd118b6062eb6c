/** In front of a device that has no paths, so that its counters are kept all the same. */
import type { BlockDevice } from '../block/device.ts';
import type { Completer, Request } from '../block/request.ts';
import { Filter } from '../filters/filter.ts';
import type { Io } from '../io/contract.ts';
import type { DeviceStatistics } from '../multipath/statistics.ts';

export class CountedDevice extends Filter implements Completer {
  readonly #io: Io;
  readonly #statistics: DeviceStatistics;

  constructor(io: Io, inner: BlockDevice, statistics: DeviceStatistics) {
    super(inner);
    this.#io = io;
    this.#statistics = statistics;
  }

  submit(request: Request): void {
    request.push(this);
    this.inner.submit(request);
  }

  onRequest(request: Request): void {
    this.#statistics.countRequest(request, request.status, this.#io.clock.now() - request.startedAt);
    request.finish(request.status);
  }
}

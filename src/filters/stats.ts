/** A filter that counts what passes through it. See docs/filters/stats.md. */
import { Histogram } from '../base/histogram.ts';
import { formatCount, formatDuration, formatSize } from '../base/units.ts';
import type { BlockDevice } from '../block/device.ts';
import { type Completer, opName, type Request } from '../block/request.ts';
import { status } from '../block/status.ts';
import type { Io } from '../io/contract.ts';
import { Filter, opByName, type OpName } from './filter.ts';
import { Pool } from './pool.ts';

const NANOSECONDS = 1e6; // in a millisecond

/** Numbers of one operation. */
export interface OpStats {
  /** Requests that came back, failed ones included. */
  readonly count: number;
  readonly errors: number;
  /** Of those that succeeded. */
  readonly bytes: number;
  /** From entering this filter to coming back to it, nanoseconds. */
  readonly latency: Histogram;
}

class OpCounters implements OpStats {
  count = Number.NaN; // doubles from the start, because they pass 2^31
  bytes = Number.NaN;
  errors = 0;
  readonly latency = new Histogram();

  constructor() {
    this.count = 0;
    this.bytes = 0;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.errors = 0;
    this.latency.clear();
  }
}

/** Goes with one request, to know when it came. */
class Passage implements Completer {
  readonly #filter: StatsFilter;
  startedAt = Number.NaN;

  constructor(filter: StatsFilter) {
    this.#filter = filter;
  }

  onRequest(request: Request): void {
    this.#filter.onPassed(request, this);
  }
}

export class StatsFilter extends Filter {
  readonly #io: Io;
  readonly #counters: readonly OpCounters[];
  readonly #passages: Pool<Passage>;
  #since: number;

  constructor(io: Io, inner: BlockDevice) {
    super(inner);
    this.#io = io;
    this.#counters = opName.map(() => new OpCounters());
    this.#passages = new Pool(() => new Passage(this));
    this.#since = io.clock.now();
  }

  /** Requests on their way now. */
  get inFlight(): number {
    return this.#passages.used;
  }

  /** The numbers of one operation; they go on counting. */
  of(name: OpName): OpStats {
    return this.#counters[opByName[name]]!;
  }

  /** Control. Begins anew. Requests on their way are counted when they come back. */
  clear(): void {
    for (const counters of this.#counters) counters.clear();
    this.#since = this.#io.clock.now();
  }

  submit(request: Request): void {
    const passage = this.#passages.take();
    passage.startedAt = this.#io.clock.now();
    request.push(passage);
    this.inner.submit(request);
  }

  /** For `Passage`. */
  onPassed(request: Request, passage: Passage): void {
    const counters = this.#counters[request.op]!;
    counters.count += 1;
    if (request.status === status.ok) counters.bytes += request.length;
    else counters.errors += 1;
    counters.latency.record((this.#io.clock.now() - passage.startedAt) * NANOSECONDS);
    this.#passages.give(passage);
    request.finish(request.status);
  }

  /** Control. For people: a line for each operation that occurred. */
  describe(): string {
    const seconds = Math.max(1e-9, (this.#io.clock.now() - this.#since) / 1000);
    const lines = [`${formatDuration(seconds * 1000)}, ${this.inFlight} on their way`];
    for (const [index, counters] of this.#counters.entries()) {
      if (counters.count === 0) continue;
      const { count, bytes, errors, latency } = counters;
      const at = (percent: number): string => formatDuration(latency.percentile(percent) / NANOSECONDS);
      lines.push(
        `${opName[index]}: ${formatCount(count)} requests, ${errors} failed, ${formatSize(bytes)}; ` +
          `${formatCount(count / seconds)}/s, ${formatSize(bytes / seconds)}/s; ` +
          `latency p50 ${at(50)}, p99 ${at(99)}, max ${formatDuration(latency.max / NANOSECONDS)}`,
      );
    }
    return lines.join('\n');
  }
}

/** Looks now and then at how long requests have been waiting: the promise that every one of them ends. */
import { opName } from '../src/block/request.ts';
import type { Timer } from '../src/io/contract.ts';
import type { SimIo } from '../src/io/sim/sim-io.ts';
import { Finding } from './finding.ts';
import type { Issued } from './issued.ts';
import type { Scenario } from './scenario.ts';

/** How long requests may take once nothing is wrong any more, beyond every fence. Milliseconds. */
const calmBound = 60_000;
/** At any time where a port is spared, beyond its fence and its time-outs. */
const sparedBound = 12_000;
/** Between two looks. Milliseconds. */
const lookMs = 250;
/** Of real time, for one run. */
const longestSeconds = 60;

export class AgeWatch {
  readonly #scenario: Scenario;
  readonly #clock: SimIo;
  readonly #open: () => Iterable<Issued>;
  readonly #timer: Timer;
  readonly #startedAt = performance.now();
  /** Milliseconds that requests may take longer because the host itself stood still. */
  #allowed = 0;
  #calmSince = Number.POSITIVE_INFINITY;

  /** @param open what has no answer yet from a host that is there */
  constructor(scenario: Scenario, clock: SimIo, open: () => Iterable<Issued>) {
    this.#scenario = scenario;
    this.#clock = clock;
    this.#open = open;
    this.#timer = clock.timer(() => this.#look());
  }

  begin(): void {
    this.#timer.arm(lookMs);
  }

  end(): void {
    this.#timer.disarm();
  }

  allow(milliseconds: number): void {
    this.#allowed += milliseconds;
  }

  /** From now on nothing is wrong any more. */
  calm(): void {
    this.#calmSince = this.#clock.clock.now();
  }

  /** The longest that time as a fence can take. */
  get #fence(): number {
    const { cqt, tbkas, kas } = this.#scenario.array;
    const { katoMs, quiesceMs } = this.#scenario.host;
    return (tbkas ? 3 : 2) * Math.ceil(katoMs / kas) * kas + (cqt === 0 ? quiesceMs : cqt);
  }

  #look(): void {
    const { spared, host } = this.#scenario;
    const now = this.#clock.clock.now();
    const inCalm = this.#fence + calmBound + this.#allowed;
    const anyTime = this.#fence + 2 * host.ioTimeoutMs + 4 * host.adminTimeoutMs + sparedBound + this.#allowed;
    for (const { startedAt, op, block, count } of this.#open()) {
      const age = now - startedAt;
      const isLate = Math.min(age, now - this.#calmSince) > inCalm || (spared && age > anyTime);
      if (!isLate) continue;
      const what = `${opName[op]} of ${count} from block ${block}`;
      throw new Finding('liveness', `${what} has been waiting for ${age.toFixed(0)} ms`, block);
    }
    if (performance.now() - this.#startedAt > longestSeconds * 1000) {
      throw new Finding('liveness', `the run takes more than ${longestSeconds} s of real time`);
    }
    this.#timer.arm(lookMs);
  }
}

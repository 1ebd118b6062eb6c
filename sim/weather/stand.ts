/** What faults act on. */
import type { Random } from '../../src/base/random.ts';
import type { Status } from '../../src/block/status.ts';
import type { NetworkFaults } from '../../src/io/sim/faults.ts';
import type { SimIo } from '../../src/io/sim/sim-io.ts';
import type { HostEnd } from '../host-lives.ts';
import type { SimArray } from '../sim-array.ts';
import type { SimHost } from '../sim-host.ts';
import type { Scenario } from '../scenario.ts';

export interface Stand {
  readonly scenario: Scenario;
  /** The present life of the host, or the last one. */
  readonly host: SimHost;
  readonly array: SimArray;
  readonly network: NetworkFaults;
  /** Time passes for the weather even while every reactor stands still. */
  readonly clock: SimIo;
  /** Tells the story. */
  note(text: string): void;
  /** Requests may end with this status from now on without anybody being at fault. */
  excuse(status: Status): void;
  /** Milliseconds that requests may take longer because of what we do to the host itself. */
  allow(milliseconds: number): void;
  /** Every reactor issues a burst of requests now. */
  burst(): void;
  /** Ends the life of the host; resolves when the next one stands, to false if something else ended it before. */
  restartHost(how: HostEnd, pause: number, random: Random): Promise<boolean>;
  lossBegins(): void;
  lossEnds(): void;
}

export interface FaultCall {
  readonly stand: Stand;
  readonly random: Random;
  readonly duration: number;
  /** How many statuses were forced before, over all seeds: they are gone through one after the other. */
  readonly turn: number;
}

/** A fault: resolves when it is over and undone. */
export type Fault = (call: FaultCall) => Promise<void>;

/** A port that may be hit. */
export function anyPort({ stand, random }: FaultCall): number {
  const { ports, spared } = stand.scenario;
  return spared ? 2 + random.below(ports - 1) : 1 + random.below(ports);
}

export function everyPort(stand: Stand): number[] {
  return Array.from({ length: stand.scenario.ports }, (_unused, index) => index + 1);
}

export function hostOf(portid: number): string {
  return `10.0.0.${portid}`;
}

/** Something wrong for a while. */
export async function during(call: FaultCall, text: string, begin: () => void, end: () => void): Promise<void> {
  const { stand, duration } = call;
  stand.note(`${text}, for ${duration.toFixed(0)} ms`);
  begin();
  await stand.clock.sleep(duration);
  stand.note(`no more: ${text}`);
  end();
}

/** One run: everything that follows from one seed, from attaching the volume to giving the last byte of memory back. */
import { Random } from '../src/base/random.ts';
import { opName } from '../src/block/request.ts';
import { type Status, status, statusName } from '../src/block/status.ts';
import type { SimIo } from '../src/io/sim/sim-io.ts';
import { World } from '../src/io/sim/world.ts';
import type { LeadEvent } from '../src/host/volume-lead.ts';
import type { VolumeEvent } from '../src/host/volume-reactor.ts';
import type { MultipathDevice } from '../src/multipath/device.ts';
import { pathStateNames } from '../src/multipath/state.ts';
import { DeviceStatistics, pathCounter } from '../src/multipath/statistics.ts';
import { AgeWatch } from './age-watch.ts';
import { Checker } from './checker.ts';
import { Coverage, type CoverageCounts, watchFor } from './coverage.ts';
import { Finding, type FindingKind } from './finding.ts';
import { type HostEnd, HostLives } from './host-lives.ts';
import type { Issued } from './issued.ts';
import type { LoadContext } from './load.ts';
import { blocksInTheEnd, mostBlocks, mostGrowth, type Scenario } from './scenario.ts';
import { SimArray } from './sim-array.ts';
import type { SimHost } from './sim-host.ts';
import { Story } from './story.ts';
import { faults } from './weather/faults.ts';
import { addMissing } from './weather/host-faults.ts';
import { type FaultKind, type PlannedFault, statusesPerRun } from './weather/plan.ts';
import { everyPort, type Stand } from './weather/stand.ts';

export interface RunResult {
  readonly scenario: Scenario;
  /** Null: nothing was found. */
  readonly finding: { readonly kind: FindingKind; readonly message: string } | null;
  /** The last events; for a wrong read those of the block first. */
  readonly story: readonly string[];
  readonly hash: string;
  /** Milliseconds of virtual time. */
  readonly simulated: number;
  readonly requests: readonly number[];
  readonly failures: readonly number[];
  readonly checked: number;
  /** Writes that became ghosts, and those of them that were executed. */
  readonly ghostsMade: number;
  readonly ghosts: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly coverage: CoverageCounts;
}

/** What of the contract is held against the host, all of it: see checker.ts. */
const promises = { strictErrors: true, strictFlushes: true };

/** How long a device may take to become what its volume is, once nothing is wrong any more. Milliseconds. */
const longestFollowing = 60_000;
const followingStep = 20;
/** How often a path is added that was taken away, at the end. */
const mostTries = 4;

/** Reused by all runs of this process, one after the other. */
let lives: HostLives | null = null;
const checker = new Checker(mostBlocks * mostGrowth, () => lives?.oldestRead ?? Number.POSITIVE_INFINITY);

/** Between two looks whether the ghosts that a lost cache leaves behind are over. Milliseconds. */
const lossStep = 50;

/** Plays it. Never throws for what is wrong with the code under test. */
export async function run(scenario: Scenario): Promise<RunResult> {
  return await new Run(scenario).play();
}

class Run implements Stand {
  readonly scenario: Scenario;
  readonly #lives: HostLives;
  readonly array: SimArray;
  readonly clock: SimIo;
  readonly #world: World;
  readonly #story: Story;
  readonly #context: LoadContext;
  readonly #coverage = new Coverage();
  readonly #counts = new Map<FaultKind, number>();
  readonly #watch: AgeWatch;
  #turn = 0;
  /** Losses of caches that are not over. */
  #losses = 0;
  /** Of all lives. */
  readonly #devices: MultipathDevice[] = [];

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    const { seed, host, array } = scenario;
    this.#world = new World({ seed });
    this.#story = new Story(() => this.#world.now);
    this.clock = this.#world.io('weather', 4096);
    this.array = new SimArray(this.#world, scenario);
    const volatileCache = array.volatileCache && !host.sharedCache;
    checker.begin({ blocks: blocksInTheEnd(scenario), volatileCache, ...promises });
    this.#context = {
      scenario,
      checker,
      story: this.#story,
      random: this.#random(),
      lastValue: 0,
      excused: new Set<Status>(),
      requests: new Float64Array(opName.length),
      failures: new Float64Array(statusName.length),
      now: () => this.#world.now,
    };
    const place = { world: this.#world, random: this.#random(), scenario, clock: this.clock };
    this.#lives = new HostLives(place, this.#context, this);
    lives = this.#lives;
    if (host.policy.noPathRetry >= 0 && !scenario.spared) this.excuse(status.transport);
    if (host.policy.fastIoFail >= 0) this.excuse(status.timedOut);
    this.#watch = new AgeWatch(scenario, this.clock, () => this.#open());
  }

  #random(): Random {
    return new Random(this.#world.random.nextUint32());
  }

  async play(): Promise<RunResult> {
    let finding: Finding | null = null;
    const longest = this.scenario.duration + 600_000;
    try {
      await this.#world.drive(this.#whole(), longest);
    } catch (error) {
      finding = error instanceof Finding ? error : crash(error);
    }
    lives = null;
    for (const device of this.#devices) this.#coverage.hedges(device);
    this.#world.end();
    const { requests, failures } = this.#context;
    const block = finding?.block ?? -1;
    return {
      scenario: this.scenario,
      finding: finding === null ? null : { kind: finding.kind, message: finding.message },
      story: finding === null ? [] : this.#tell(block),
      hash: this.#story.hash,
      simulated: this.#world.now,
      requests: [...requests],
      failures: [...failures],
      checked: checker.checked,
      ghostsMade: this.array.ghostsMade,
      ghosts: this.array.ghostsExecuted,
      faults: this.#counts,
      coverage: this.#coverage.counts,
    };
  }

  #tell(block: number): string[] {
    const last = ['The last events:', ...this.#story.lines(60)];
    if (block < 0) return last;
    return [`What is known of block ${block}:`, ...this.#story.lines(120, block), ...last];
  }

  async #whole(): Promise<void> {
    await this.array.listen();
    watchFor(this.#coverage);
    await this.#lives.begin();
    this.#watch.begin();
    await Promise.all([this.#pulse(), this.#weather()]);
    await this.#calm();
    await this.#readBack();
    await this.#detach();
    this.#checkLeaks();
  }

  async #pulse(): Promise<void> {
    const { duration, load } = this.scenario;
    const random = this.#random();
    const end = this.#world.now + duration;
    while (this.#world.now < end) {
      await this.clock.sleep(load.pause * 2 * random.float());
      this.burst();
    }
  }

  async #weather(): Promise<void> {
    const start = this.#world.now;
    const under: Promise<void>[] = [];
    for (const planned of this.scenario.weather) {
      await this.clock.sleep(Math.max(0, start + planned.at - this.#world.now));
      under.push(this.#begin(planned));
    }
    await Promise.all(under);
  }

  async #begin({ kind, seed, duration }: PlannedFault): Promise<void> {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    let turn = 0;
    if (kind === 'status') {
      turn = this.scenario.seed * statusesPerRun + this.#turn;
      this.#turn += 1;
    }
    await faults[kind]({ stand: this, random: new Random(seed), duration, turn });
  }

  /** Nothing is wrong any more: everything that was asked for has to end. */
  async #calm(): Promise<void> {
    this.note('all faults are lifted');
    await this.array.calm();
    for (const port of everyPort(this)) await this.host.setDisabled(port, false);
    await this.#restorePaths();
    for (const load of this.#lives.loads) load.stop();
    this.#watch.calm();
    await this.#idle();
    await this.#follow();
  }

  /** Without a path nothing ends. One that can not be added now, where nothing is wrong, never can be. */
  async #restorePaths(): Promise<void> {
    const missing = (): number[] => everyPort(this).filter((port) => this.host.pathOver(port) === undefined);
    for (let tries = 0; missing().length > 0; tries += 1) {
      if (tries === mostTries) throw new Finding('liveness', `no path can be added over port ${missing().join(', ')}`);
      await addMissing(this, missing());
    }
  }

  /** Every reactor's device has to become what the volume is. */
  async #follow(): Promise<void> {
    const { sizeBytes } = this.array.volume;
    for (let waited = 0; waited < longestFollowing; waited += followingStep) {
      const served = this.host.devices.slice(0, this.host.served);
      const isOne = served.every(({ geometry }) => geometry.sizeBytes === sizeBytes && !geometry.readOnly);
      if (isOne && served.length > 0) return;
      await this.clock.sleep(followingStep);
    }
    const shapes = this.host.devices.map(
      ({ geometry: { sizeBytes: size, readOnly } }) => `${size}${readOnly ? ' r' : ''}`,
    );
    throw new Finding('liveness', `the volume has ${sizeBytes} bytes, the devices stay at ${shapes.join(', ')}`);
  }

  async #idle(): Promise<void> {
    while (this.#lives.loads.some((load) => load.busy)) await this.clock.sleep(5);
  }

  async #readBack(): Promise<void> {
    while (this.#losses > 0) await this.clock.sleep(lossStep);
    const { largest } = this.scenario.load;
    this.note('every block is read back');
    for (const load of this.#lives.loads) {
      const { blocks } = load;
      for (let block = 0; block < blocks; block += largest) {
        load.readBack(block, Math.min(largest, blocks - block));
        await this.#idle();
      }
    }
  }

  /** Forced: what is under way comes back, with whatever status, once. */
  async #detach(): Promise<void> {
    this.note('the volume is taken away by force');
    for (const one of [status.gone, status.transport, status.timedOut, status.ioError]) this.excuse(one);
    this.burst();
    await this.clock.sleep(this.#context.random.float());
    await this.host.changes?.end();
    const released = this.host.lead.release(this.host.lease);
    for (const load of this.#lives.loads) load.stop();
    await released;
    for (const device of this.host.devices) device.failQueued();
    for (const load of this.#lives.loads) load.stop();
    while (this.#lives.loads.some((load) => load.busy)) {
      await this.clock.sleep(5);
      for (const device of this.host.devices) device.failQueued();
    }
    for (const { device } of this.host.reactors) await device.close();
    this.#watch.end();
    await this.array.close();
  }

  /** All memory was given back, save the buffers of the load. */
  #checkLeaks(): void {
    for (const load of this.#lives.loads) load.release();
    for (const [index, { io }] of this.host.reactors.entries()) {
      const { takenBytes } = io.memory;
      if (takenBytes === 0) continue;
      throw new Finding('leak', `reactor ${index} still holds ${takenBytes} bytes`);
    }
    const { takenBytes } = this.array.io.memory;
    if (takenBytes !== 0) throw new Finding('leak', `the array still holds ${takenBytes} bytes`);
  }

  /** What has no answer yet from a host that is there. */
  *#open(): Iterable<Issued> {
    for (const load of this.#lives.loads) yield* load.open();
  }

  // From the lives of the host

  onVolumeEvent(reactor: number, event: VolumeEvent): void {
    if (event.kind === 'path-state') {
      this.#coverage.pathState(event.state);
      this.note(`reactor ${reactor}: path ${event.index + 1} is ${event.state}`);
    } else if (event.kind === 'path-refused') {
      this.note(`reactor ${reactor}: ${event.id} refused: ${event.reason}`);
    } else if (event.kind === 'volume-shape') {
      const { sizeBytes, readOnly } = event.shape;
      this.note(`reactor ${reactor}: ${sizeBytes} bytes, ${readOnly ? 'read-only' : 'writable'} ${event.note}`);
    }
  }

  onLeadEvent(event: LeadEvent): void {
    if (event.kind === 'fenced') {
      this.#coverage.fence(event.how);
      this.note(`association ${event.association}, life ${event.epoch}: fenced, ${event.how}`);
    } else this.note(`association ${event.view.association} is ${event.view.state} ${event.view.error}`.trimEnd());
  }

  onAttached(host: SimHost, before: HostEnd | null): void {
    this.#devices.push(...host.devices);
    for (const device of host.devices) {
      this.#coverage.watch(device);
      for (let index = 0; index < this.scenario.ports; index += 1) {
        const state = device.statistics.get(DeviceStatistics.pathBase(index) + pathCounter.state);
        this.#coverage.pathState(pathStateNames[state]!);
      }
    }
    if (before === null || host.record === null) return;
    const { heritage } = host.record;
    this.#coverage.heritage(before, heritage);
    this.#watch.allow(heritage.keepMs);
    const what = `${heritage.ranges.length} ranges in quarantine for ${heritage.keepMs.toFixed(0)} ms`;
    this.note(`the volume is attached again: ${what}${heritage.isUncovered ? ', and a loss to tell of' : ''}`);
  }

  onHeritageOver(byResets: boolean): void {
    this.#coverage.heritageOver(byResets);
    this.note(`what the earlier program left can not come any more, by ${byResets ? 'resets' : 'time'}`);
  }

  // Stand

  get host(): SimHost {
    return this.#lives.host;
  }

  restartHost(how: HostEnd, pause: number, random: Random): Promise<boolean> {
    return this.#lives.restart(how, pause, random);
  }

  get network(): World['faults'] {
    return this.#world.faults;
  }

  note(text: string): void {
    this.#story.note(text);
  }

  excuse(one: Status): void {
    this.#context.excused.add(one);
  }

  allow(milliseconds: number): void {
    this.#watch.allow(milliseconds);
  }

  burst(): void {
    this.#lives.burst(this.scenario.load.burst);
  }

  lossBegins(): void {
    this.#losses += 1;
    checker.lossBegins();
  }

  lossEnds(): void {
    void this.#endLoss();
  }

  /** What was acknowledged and lost with the cache may come back by a ghost of it, until the fences that are awaited now. */
  async #endLoss(): Promise<void> {
    while (this.#lives.hasQuarantine) await this.clock.sleep(lossStep);
    this.#losses -= 1;
    if (this.#losses === 0) checker.lossEnds();
  }
}

function crash(error: unknown): Finding {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const isStuck = error instanceof Error && 'code' in error && error.code === 'simulation-stuck';
  return new Finding(isStuck ? 'liveness' : 'crash', message);
}

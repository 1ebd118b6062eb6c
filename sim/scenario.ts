/** What one seed stands for: the array, the host, the load and the weather. Plain data, drawn before anything runs. */
import { Random } from '../src/base/random.ts';
import type { GroupName } from '../src/fabric/nvme-tcp/auth/names.ts';
import { type GhostWrites, ghostWrites } from '../src/multipath/options.ts';
import { type Policy, policyOf } from '../src/multipath/policy.ts';
import { selectorNames } from '../src/multipath/selector.ts';
import { drawWeather, type PlannedFault } from './weather/plan.ts';

/** Every mode that promises that no acknowledged write is undone. `none` promises nothing: it is a mutation. */
const honestModes: readonly GhostWrites[] = ghostWrites.filter((mode) => mode !== 'none');

export interface ArrayPlan {
  readonly cqt: number;
  readonly ccrl: number;
  readonly kas: number;
  readonly tbkas: boolean;
  readonly volatileCache: boolean;
  readonly deallocate: 'zero' | 'keep';
  readonly mdtsBytes: number;
  readonly inCapsuleBytes: number;
  readonly maxQueueEntries: number;
  readonly maxr2t: number;
  readonly r2tBytes: number;
  readonly c2hSuccess: boolean;
}

export interface HostPlan {
  readonly reactors: number;
  readonly policy: Policy;
  readonly sharedCache: boolean;
  readonly digests: number;
  readonly queueDepth: number;
  readonly katoMs: number;
  readonly ioTimeoutMs: number;
  readonly adminTimeoutMs: number;
  readonly userTimeoutMs: number;
  readonly handshakeMs: number;
  readonly quiesceMs: number;
}

export interface LoadPlan {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly largest: number;
  readonly depth: number;
  /** Requests of one burst on one reactor. */
  readonly burst: number;
  /** Milliseconds between bursts, on average. */
  readonly pause: number;
  /** Of 100 requests: reads, flushes, discards, write-zeroes; the rest are writes. */
  readonly reads: number;
  readonly flushes: number;
  readonly discards: number;
  readonly zeroes: number;
  /** Blocks that half of all requests begin in. */
  readonly hot: number;
}

/** What a port does with writes whose connection died: null = it drops them. */
export interface GhostPlan {
  readonly portid: number;
  readonly milliseconds: number | null;
  readonly onReset: 'drop' | 'run';
}

export interface Scenario {
  readonly seed: number;
  readonly ports: number;
  /** Host and array prove themselves to each other on every connection: with this group. Null: they do not have to. */
  readonly authentication: GroupName | null;
  readonly ghosts: readonly GhostPlan[];
  /** Writes are lost again and again, and every port makes ghosts of them. */
  readonly ghostSeason: boolean;
  readonly array: ArrayPlan;
  readonly host: HostPlan;
  readonly load: LoadPlan;
  /** Port 1 stays healthy: no request may fail, and none may take longer than its bound. */
  readonly spared: boolean;
  /** How long the weather lasts, milliseconds. */
  readonly duration: number;
  readonly weather: readonly PlannedFault[];
}

export const mostBlocks = 192;
/** So many times as large as it was at first a volume may become. */
export const mostGrowth = 2;

/** Blocks that the volume may have at the end of the run. */
export function blocksInTheEnd({ load, weather }: Pick<Scenario, 'load' | 'weather'>): number {
  return weather.some(({ kind }) => kind === 'grow') ? load.blocks * mostGrowth : load.blocks;
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

function drawArray(random: Random): ArrayPlan {
  const volatileCache = random.below(3) === 0;
  return {
    cqt: pick(random, [0, 0, 1, 200, 1000, 3000]),
    ccrl: pick(random, [0, 0, 1, 4]),
    kas: pick(random, [100, 100, 500, 2500]),
    tbkas: random.below(4) === 0,
    volatileCache,
    deallocate: pick(random, ['zero', 'keep']),
    mdtsBytes: pick(random, [8192, 16384, 65536]),
    inCapsuleBytes: pick(random, [0, 512, 4096, 8192]),
    maxQueueEntries: pick(random, [4, 32, 128]),
    maxr2t: pick(random, [1, 4]),
    r2tBytes: pick(random, [4096, 65536]),
    c2hSuccess: random.below(2) === 0,
  };
}

/** Any policy that promises what the checker holds against the host. */
export function drawPolicy(random: Random, hedges: Random): Policy {
  return policyOf({
    selector: pick(random, selectorNames),
    ghostWrites: pick(random, honestModes),
    failback: pick(random, [0, 0, 0, 300, 2000]),
    flapLimit: pick(random, [0, 2, 8]),
    flapWindow: 10_000,
    flapHold: pick(random, [500, 3000]),
    suspectAfter: pick(random, [0, 50, 300]),
    hedgeShare: pick(hedges, [0, 5, 50, 100]),
    hedgeAfter: pick(hedges, [0, 0.5, 0.5, 2]),
    noPathRetry: pick(random, [-1, -1, -1, 0, 500, 3000]),
  });
}

function drawHost(random: Random, hedges: Random, volatileCache: boolean): HostPlan {
  return {
    reactors: pick(random, [1, 2, 2, 2, 2, 3]),
    policy: drawPolicy(random, hedges),
    sharedCache: volatileCache && random.below(5) === 0,
    digests: random.below(4),
    queueDepth: pick(random, [2, 32, 32, 128]),
    katoMs: pick(random, [500, 1000, 2000, 5000]),
    ioTimeoutMs: pick(random, [500, 1500, 4000]),
    adminTimeoutMs: pick(random, [500, 1000, 2000]),
    userTimeoutMs: pick(random, [500, 1500, 4000]),
    handshakeMs: pick(random, [300, 1000]),
    quiesceMs: pick(random, [500, 2000, 4000]),
  };
}

function drawLoad(random: Random): LoadPlan {
  const blocks = pick(random, [16, 64, mostBlocks]);
  return {
    blocks,
    blockBytes: pick(random, [512, 512, 512, 4096]),
    largest: Math.min(pick(random, [1, 4, 16]), blocks),
    depth: pick(random, [1, 8, 32, 32]),
    burst: pick(random, [20, 60, 100]),
    pause: pick(random, [100, 250, 500]),
    reads: pick(random, [25, 40, 55]),
    flushes: pick(random, [1, 4, 10]),
    discards: pick(random, [0, 3, 8]),
    zeroes: pick(random, [0, 4, 10]),
    hot: Math.min(blocks, pick(random, [4, 16])),
  };
}

/** CQT: 1 says that no time is needed. */
const noQuiesceTime = 1;

/**
 * An array may execute a write until it has noticed the loss and CQT is over. Where it reports none nothing is promised,
 * and the time that the host assumes is what it keeps.
 */
function drawGhosts(random: Random, ports: number, array: ArrayPlan, host: HostPlan, season: boolean): GhostPlan[] {
  const longest = array.cqt === 0 ? host.quiesceMs : array.cqt === noQuiesceTime ? 0 : array.cqt;
  return Array.from({ length: ports }, (_unused, index) => ({
    portid: index + 1,
    milliseconds: random.below(6) === 0 && !season ? null : Math.floor(longest * random.float()),
    onReset: random.below(2) === 0 ? 'drop' : 'run',
  }));
}

interface Base {
  readonly array: ArrayPlan;
  readonly host: HostPlan;
  readonly load: LoadPlan;
}

/**
 * A ghost season: many writes at once in few places, held back and lost again and again over connections that come back
 * soon, and fences that do not take long, so that the next ones can be written and lost.
 */
function inSeason(random: Random, { array, host, load }: Base): Base {
  const blocks = 64;
  return {
    array: { ...array, cqt: pick(random, [200, 500, 1000]), kas: 100, tbkas: false, maxQueueEntries: 128 },
    host: { ...host, katoMs: 500, queueDepth: 128, policy: { ...host.policy, noPathRetry: -1, fastIoFail: -1 } },
    load: { ...load, blocks, depth: 32, burst: 60, pause: 50, reads: 25, flushes: 1, hot: pick(random, [8, 32]) },
  };
}

/** One run in so many authenticates. */
const authenticationOdds = 8;
/** One run in so many is a ghost season. */
const seasonOdds = 8;

/** Draws it. Each part has a generator of its own, so that a change of one leaves the others as they were. */
export function drawScenario(seed: number): Scenario {
  const random = (part: number): Random => new Random(seed * 16 + part);
  const season = random(9);
  const ghostSeason = season.below(seasonOdds) === 0;
  const shape = random(4);
  const ports = pick(shape, [1, 2, 2, 3, 4, 6]);
  const spared = ports > 1 && shape.below(3) === 0 && !ghostSeason;
  const duration = ghostSeason ? 6000 : pick(shape, [3000, 6000, 12_000]);
  const anyArray = drawArray(random(1));
  const drawn = drawHost(random(2), random(7), anyArray.volatileCache);
  // Where no request may fail, nothing may be given up either.
  const fastIoFail = spared ? -1 : pick(random(8), [-1, -1, -1, 0, 300, 2000]);
  const usual: Base = {
    array: anyArray,
    host: { ...drawn, policy: { ...drawn.policy, fastIoFail } },
    load: drawLoad(random(3)),
  };
  const { array, host, load } = ghostSeason ? inSeason(season, usual) : usual;
  const weather = drawWeather(random(5), {
    ports,
    spared,
    duration,
    volatileCache: array.volatileCache && !host.sharedCache,
    ghostSeason,
  });
  const secrecy = random(10);
  const authentication = secrecy.below(authenticationOdds) === 0 ? pick(secrecy, ['null', 'ffdhe2048'] as const) : null;
  const ghosts = drawGhosts(random(6), ports, array, host, ghostSeason);
  return { seed, ports, authentication, ghosts, ghostSeason, array, host, load, spared, duration, weather };
}

function text(plan: object): string {
  return Object.entries(plan)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');
}

/** In a few lines, for people. */
export function describeScenario(scenario: Scenario): string[] {
  const { seed, ports, ghosts, ghostSeason, array, host, load, spared, duration } = scenario;
  return [
    `seed ${seed}: ${ports} ports${spared ? ', port 1 spared' : ''}, ${duration} ms of weather`,
    `array: ${text(array)}`,
    `ghosts${ghostSeason ? ', in season' : ''}: ${ghosts.map((one) => (one.milliseconds === null ? 'none' : `${one.milliseconds} ms`)).join(', ')}`,
    `host: ${text(host)}`,
    `load: ${text(load)}`,
    `faults planned: ${scenario.weather.map((fault) => `${fault.kind}@${fault.at.toFixed(0)}`).join(' ') || 'none'}`,
  ];
}

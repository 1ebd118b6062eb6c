/** Which faults a run meets, and when: drawn from the seed before anything runs. What each does stands beside this file. */
import type { Random } from '../../src/base/random.ts';

interface KindRow {
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** The same in a ghost season, if that is another. */
  readonly season?: number;
  /** How long it lasts at most, milliseconds; 0 = it has no end. */
  readonly longest: number;
  /** It may touch every path at once, or make requests fail: not where a port is spared. */
  readonly harsh?: true;
  /** Only with a volatile cache. */
  readonly cached?: true;
}

export const faultKinds = {
  drop: { weight: 4, longest: 0 },
  'drop-one-reactor': { weight: 4, longest: 0 },
  blackhole: { weight: 3, longest: 6000 },
  'blackhole-one-reactor': { weight: 3, longest: 6000 },
  'slow-network': { weight: 2, longest: 3000 },
  'refuse-connections': { weight: 2, longest: 3000 },
  'cut-port': { weight: 3, longest: 0 },
  'close-port': { weight: 3, longest: 4000 },
  'swallow-port': { weight: 2, longest: 6000 },
  'refuse-port': { weight: 2, longest: 3000 },
  'flap-port': { weight: 2, longest: 3000 },
  'slow-answers': { weight: 2, longest: 2000 },
  'slow-execution': { weight: 3, longest: 2000 },
  'lost-writes': { weight: 18, longest: 2500 },
  'ghost-storm': { weight: 0, season: 100, longest: 200, harsh: true },
  status: { weight: 0, longest: 0 },
  'stubborn-status': { weight: 1, longest: 0, harsh: true },
  'hang-commands': { weight: 4, longest: 3000 },
  'bad-header-digest': { weight: 2, longest: 0 },
  'bad-data-digest': { weight: 2, longest: 0 },
  termination: { weight: 2, longest: 0 },
  nonsense: { weight: 2, longest: 0 },
  'end-controller': { weight: 3, longest: 0 },
  'reset-by-administrator': { weight: 2, longest: 0 },
  'lose-cache': { weight: 10, longest: 0, cached: true },
  'power-failure': { weight: 3, longest: 0, harsh: true, cached: true },
  ana: { weight: 4, longest: 3000 },
  'ana-everywhere': { weight: 1, longest: 3000, harsh: true },
  stall: { weight: 3, longest: 0 },
  suspend: { weight: 1, longest: 0 },
  sleep: { weight: 1, longest: 0 },
  'crash-host': { weight: 4, season: 10, longest: 1500 },
  'restart-host': { weight: 2, longest: 500 },
  'disable-path': { weight: 3, longest: 3000 },
  'remove-path': { weight: 8, longest: 2000 },
  'add-path': { weight: 3, longest: 0 },
  selector: { weight: 1, longest: 0 },
  policy: { weight: 3, longest: 0 },
  'fail-held': { weight: 2, longest: 1500, harsh: true },
  'fail-queued': { weight: 1, longest: 0, harsh: true },
  'remove-volume': { weight: 1, longest: 2000, harsh: true },
  'replace-volume': { weight: 2, longest: 3000, harsh: true },
  'read-only': { weight: 1, longest: 2000, harsh: true },
  grow: { weight: 1, longest: 0 },
  'restart-array': { weight: 1, longest: 1500, harsh: true },
  'crash-array': { weight: 1, longest: 1500, harsh: true },
} as const satisfies Record<string, KindRow>;

export type FaultKind = keyof typeof faultKinds;

/** Object.keys loses the type. */
function namesOf<Table extends object>(table: Table): (keyof Table)[] {
  const names: (keyof Table)[] = [];
  let name: keyof Table;
  for (name in table) names.push(name);
  return names;
}

export const faultNames: readonly FaultKind[] = namesOf(faultKinds);

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Milliseconds from the beginning of the weather. */
  readonly at: number;
  readonly duration: number;
  /** Everything else about it follows from this. */
  readonly seed: number;
}

export interface WeatherTerms {
  readonly ports: number;
  readonly spared: boolean;
  readonly duration: number;
  readonly volatileCache: boolean;
  /** Writes are lost again and again. */
  readonly ghostSeason: boolean;
}

/** Milliseconds between two faults, by seed: seldom enough to recover, often enough to meet the next one in the middle. */
const gaps: readonly number[] = [150, 400, 1000];
/** In a ghost season: what was lost has to come back before it can be lost again. */
const seasonGap = 250;
/** Every run meets so many statuses, so that all rows of the table come up soon. */
export const statusesPerRun = 6;

export function drawWeather(random: Random, terms: WeatherTerms): PlannedFault[] {
  const { spared, duration, volatileCache, ghostSeason } = terms;
  const weightOf = (name: FaultKind): number => {
    const { weight, season }: KindRow = faultKinds[name];
    return ghostSeason ? (season ?? weight) : weight;
  };
  const allowed = faultNames.filter((name) => {
    const row: KindRow = faultKinds[name];
    return !(row.harsh === true && spared) && !(row.cached === true && !volatileCache);
  });
  const sum = allowed.reduce((total, name) => total + weightOf(name), 0);
  const plan = (kind: FaultKind, at: number): PlannedFault => {
    const length = (0.05 + 0.95 * random.float()) * faultKinds[kind].longest;
    return { kind, at, duration: Math.min(length, duration - at), seed: random.nextUint32() };
  };
  const gap = ghostSeason ? seasonGap : gaps[random.below(gaps.length)]!;
  const faults: PlannedFault[] = [];
  for (let at = 100 + gap * random.float(); at < duration; at += gap * (0.1 + 1.8 * random.float())) {
    let drawn = random.below(sum);
    const kind = allowed.find((name) => {
      drawn -= weightOf(name);
      return drawn < 0;
    })!;
    faults.push(plan(kind, at));
  }
  for (let count = 0; count < statusesPerRun; count += 1) faults.push(plan('status', duration * random.float()));
  return faults.toSorted((one, other) => one.at - other.at);
}

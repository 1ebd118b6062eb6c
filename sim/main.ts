/** `npm run sim`: runs seeds, says what was found and what they add up to. */
import { CausewayError } from '../src/base/errors.ts';
import { minimize } from './minimize.ts';
import { concerns, mutate } from './mutations/mutate.ts';
import { parseOptions, type SimOptions, usage } from './options.ts';
import { run, type RunResult } from './run.ts';
import { describeScenario, drawScenario } from './scenario.ts';
import { Sums } from './sums.ts';

/** From so many seeds on, a row of the tables that was never reached is a failure. */
const seedsForCoverage = 300;
const progressEvery = 25;

function tell(result: RunResult): void {
  const { finding } = result;
  console.log(`\n✖ seed ${result.scenario.seed}: ${finding?.kind}: ${finding?.message}`);
  for (const line of [...describeScenario(result.scenario), ...result.story]) console.log(`  ${line}`);
  console.log(`  Replay: npm run sim -- --seed ${result.scenario.seed}`);
}

async function runAll(options: SimOptions): Promise<number> {
  const sums = new Sums();
  const startedAt = performance.now();
  let told = false;
  for (let index = 0; index < options.seeds; index += 1) {
    const seed = options.firstSeed + index;
    const scenario = drawScenario(seed);
    if (!concerns(options.mutation, scenario)) continue;
    let result = await run(mutate(options.mutation, scenario));
    sums.add(result);
    if (result.finding !== null) {
      if (options.minimize && !told) result = await minimize(result, (text) => console.log(`  minimize: ${text}`));
      told = true;
      tell(result);
      // With a fault built in, the first finding is all that is wanted.
      if (options.mutation !== null) break;
    } else if (options.single) {
      for (const line of describeScenario(result.scenario)) console.log(line);
      console.log(`clean; story ${result.hash}`);
    }
    if ((index + 1) % progressEvery === 0) {
      const seconds = (performance.now() - startedAt) / 1000;
      console.log(`${index + 1} seeds, ${sums.found} found, ${sums.requests} requests, ${seconds.toFixed(0)} s`);
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  for (const line of sums.lines()) console.log(line);
  const missing = options.seeds >= seedsForCoverage && options.mutation === null ? sums.coverage.missing() : [];
  for (const row of missing) console.log(`✖ never reached: ${row}`);
  const isClean = sums.found === 0 && missing.length === 0;
  console.log(
    `${isClean ? '✔' : '✖'} ${sums.runs} seeds from ${options.firstSeed}: ${sums.found} found, ${seconds.toFixed(1)} s`,
  );
  return isClean ? 0 : 1;
}

try {
  process.exitCode = await runAll(parseOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof CausewayError) || error.code !== 'invalid-argument') throw error;
  console.error(error.message);
  console.error(usage);
  process.exitCode = 2;
}

/** `npm run sim`: runs seeds, says what was found and what they add up to. */
import { availableParallelism } from 'node:os';
import { CausewayError } from '../src/base/errors.ts';
import { runSeeds } from './fleet.ts';
import { minimize } from './minimize.ts';
import { mutate } from './mutations/mutate.ts';
import { parseOptions, type SimOptions, usage } from './options.ts';
import { Progress } from './progress.ts';
import type { RunResult } from './run.ts';
import { describeScenario } from './scenario.ts';
import { Sums } from './sums.ts';

/** From so many seeds on, a row of the tables that was never reached is a failure. */
const seedsForCoverage = 300;

function tell(result: RunResult): void {
  const { finding } = result;
  console.log(`\n✖ seed ${result.scenario.seed}: ${finding?.kind}: ${finding?.message}`);
  for (const line of [...describeScenario(result.scenario), ...result.story]) console.log(`  ${line}`);
  console.log(`  Replay: npm run sim -- --seed ${result.scenario.seed}`);
}

async function runAll(options: SimOptions): Promise<number> {
  const sums = new Sums();
  const progress = new Progress(options.seeds, process.stderr);
  let first: RunResult | null = null;
  await runSeeds(options, {
    onUnconcerned: () => progress.seedDone(false),
    onResult: (result) => {
      sums.add(result);
      progress.seedDone(result.finding !== null);
      if (result.finding !== null) {
        progress.clear();
        // What is made smaller is told when it is.
        if (first !== null || !options.minimize) tell(result);
        first ??= result;
        // With a fault built in, the first finding is all that is wanted.
        return options.mutation === null;
      }
      if (options.single) {
        for (const line of describeScenario(result.scenario)) console.log(line);
        console.log(`clean; story ${result.hash}`);
      }
      return true;
    },
  });
  progress.clear();
  const { seconds } = progress;
  if (first !== null && options.minimize) {
    mutate(options.mutation, (first as RunResult).scenario);
    tell(await minimize(first, (text) => console.log(`  minimize: ${text}`)));
  }
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
  process.exitCode = await runAll(parseOptions(process.argv.slice(2), availableParallelism()));
} catch (error) {
  if (!(error instanceof CausewayError) || error.code !== 'invalid-argument') throw error;
  console.error(error.message);
  console.error(usage);
  process.exitCode = 2;
}

/** `npm run bench`: runs the cases, prints what they found, and writes it down. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchCase, CaseReport } from './case.ts';
import { allCases } from './cases/all.ts';
import { Cleanup } from './cleanup.ts';
import { clearLeftovers } from './leftovers.ts';
import { describeMachine, type Machine } from './machine.ts';
import { type BenchOptions, parseOptions, usage } from './options.ts';
import { replacePart } from './page.ts';
import { endPrograms, run as runProgram } from './programs.ts';
import { pageLines, terminalLines } from './report.ts';
import { Patience } from './rounds.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = path.join(root, 'docs/benchmarks.md');
const gibibyte = 1024 ** 3;
/** Samples that may be taken again, for each case. */
const patience = 40;

let interrupted = false;

function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

class Interrupted extends Error {}

const interruption = new Promise<never>((_resolve, reject) => {
  const onSignal = (signal: string): void => {
    if (interrupted) return;
    interrupted = true;
    say(`${signal}: taking everything down`);
    endPrograms();
    reject(new Interrupted());
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
});
// Awaited only while a case runs.
interruption.catch(() => {});

async function missing(bench: BenchCase): Promise<string[]> {
  const lacking: string[] = [];
  if (process.getuid?.() !== 0) lacking.push('root');
  for (const [program, packageName] of Object.entries(bench.needs)) {
    const found = await runProgram(program, ['--version'], 10).then(
      () => true,
      () => false,
    );
    if (!found) lacking.push(`${program} (apt-get install ${packageName})`);
  }
  return lacking;
}

async function runCase(bench: BenchCase, options: BenchOptions): Promise<CaseReport> {
  say(`\n${bench.title} (${bench.name})`);
  const cleanup = new Cleanup();
  const rig = {
    cleanup,
    quick: options.quick,
    rounds: options.rounds,
    seconds: options.seconds,
    volumeBytes: options.quick ? gibibyte / 4 : gibibyte,
    patience: new Patience(options.quick ? 0 : patience),
    say: (message: string) => say(`  ${message}`),
  };
  try {
    return await Promise.race([bench.run(rig), interruption]);
  } finally {
    await cleanup.run(say);
    await clearLeftovers(say);
  }
}

function machineLines(machine: Machine, options: BenchOptions): string[] {
  const memory = Math.round(machine.memoryBytes / gibibyte);
  const guest = machine.virtual ? ' (a virtual machine)' : '';
  return [
    `- ${machine.cpus} CPUs, ${machine.cpu}${guest}, ${memory} GiB of memory`,
    `- Linux ${machine.kernel}, Node ${machine.node}, ${machine.fio}`,
    `- ${machine.qemu}`,
    `- ${new Date().toISOString().slice(0, 10)}, ${options.rounds} rounds of ${options.seconds} s`,
  ];
}

function writeRecord(file: string, machine: Machine, options: BenchOptions, reports: Map<string, CaseReport>): void {
  const record = { at: new Date().toISOString(), machine, options, cases: Object.fromEntries(reports) };
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`);
  say(`\nThe record is in ${file}`);
}

async function main(): Promise<number> {
  const options = parseOptions(
    process.argv.slice(2),
    allCases.map(({ name }) => name),
  );
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const machine = await describeMachine();
  console.log(machineLines(machine, options).join('\n'));
  const reports = new Map<string, CaseReport>();
  let failures = 0;
  for (const bench of allCases.filter(({ name }) => options.names.includes(name))) {
    const lacking = await missing(bench);
    if (lacking.length > 0) {
      say(`${bench.name} was not run: this host lacks ${lacking.join(', ')}`);
      failures += 1;
      continue;
    }
    try {
      const report = await runCase(bench, options);
      reports.set(bench.name, report);
      console.log(terminalLines(bench.title, report).join('\n'));
      if (options.writeDocs) {
        const lines = pageLines(bench.title, report, machineLines(machine, options));
        fs.writeFileSync(page, replacePart(fs.readFileSync(page, 'utf8'), bench.name, lines));
      }
    } catch (error) {
      if (error instanceof Interrupted) return 130;
      say(`${bench.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      failures += 1;
    }
  }
  writeRecord(options.json ?? path.join(root, 'dist/bench/record.json'), machine, options, reports);
  return failures === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
// What a case that was broken off still waits for is of no interest any more.
setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5000).unref();

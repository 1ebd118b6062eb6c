/** One command in a guest, from the command line: `node dist/test/vm/run.js --kernel 6.12 -- uname -a`. */
import { NO_RESULT, runInGuest } from './harness/guest.ts';
import { fetchKernels } from './harness/kernel-fetch.ts';
import { type CommandLine, parseCommandLine, USAGE } from './harness/options.ts';

const USAGE_ERROR = 2;

function say(text: string): void {
  console.error(`vm: ${text}`);
}

async function main(line: CommandLine): Promise<number> {
  if (line.what === 'help') {
    console.log(USAGE);
    return 0;
  }
  await fetchKernels(line.what === 'fetch' ? undefined : [line.guest.kernel], say);
  if (line.what === 'fetch') return 0;
  const result = await runInGuest({ ...line.guest, onLine: console.log });
  if (line.printConsole) console.error(result.console);
  if (result.boots > 1) say(`${result.boots} boots`);
  if (result.code === NO_RESULT) {
    say(`the guest gave no result; its last messages:\n${result.console.split('\n').slice(-15).join('\n')}`);
  }
  return result.code;
}

try {
  process.exitCode = await main(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  if (error instanceof TypeError) console.error(USAGE);
  process.exitCode = error instanceof TypeError ? USAGE_ERROR : NO_RESULT;
}

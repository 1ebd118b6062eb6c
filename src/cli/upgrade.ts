/** `causeway upgrade`: a running device goes on in a new process, of the program as it is installed now. */
import type { Command } from 'commander';
import { CausewayError } from '../base/errors.ts';
import { askInstance } from './ask.ts';
import { runInBackground } from './background.ts';
import { version } from './context.ts';
import { verb, type Verbs } from './verb.ts';

interface Options {
  readonly json?: boolean;
}

export function addUpgrade(program: Command, { context }: Verbs): void {
  verb(program, 'upgrade <name>', 'serve a device on in a new process, with the program as it is installed now', [
    'causeway upgrade db # those who use it see a pause, and no error',
  ]).action(async (name: string, options: Options) => {
    const before = await askInstance(name);
    if (before.device === null || before.kind !== 'attach') {
      throw new CausewayError('no-such-device', `${name} is no attached device: only those can be handed over`);
    }
    const begin = context.now();
    const ready = await runInBackground(context, name, wordsOf(name, before.words), before.directory);
    const milliseconds = Math.round(context.now() - begin);
    const after = await askInstance(name);
    const report = { name, device: ready.device, from: before.version, to: version(), pid: after.pid, milliseconds };
    if (options.json === true) context.stdout.line(JSON.stringify(report));
    else {
      context.stdout.line(`${ready.device} (${name}) is served by process ${after.pid} now, version ${version()}`);
    }
  });
}

/** The command line of the next process: that of the one before, with its name spelled out. */
export function wordsOf(name: string, words: readonly string[]): string[] {
  const rest = words.slice(1).filter((word) => word !== '--take-over' && word !== '--background');
  return ['attach', '--name', name, '--take-over', ...rest];
}

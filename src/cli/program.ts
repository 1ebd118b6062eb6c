/** All verbs together, and the way from the words of a command line to an exit code. */
import { Command, CommanderError } from 'commander';
import { tellParentOfFailure } from './background.ts';
import { type Context, version } from './context.ts';
import { errorLines, exitCodeOf } from './exit-text.ts';
import { usageError, type Verbs } from './verb.ts';

const epilogue = `
Examples:
  causeway demo                                        # see it work, without an array
  causeway attach nvme+tcp://192.0.2.1,192.0.2.2/NQN   # a volume over two paths
  causeway list
  causeway doctor                                      # what this host lacks, and how to mend it

Exit codes: 0 done, 1 failed, 2 typed wrongly, 3 this host lacks something, 4 array not reached,
5 array refused, 6 in use, 7 not found. Errors go to stderr; with --json as one JSON object.`;

/** Where each verb is, in the order of the help; loaded when it is asked for. */
const loaders: Readonly<Record<string, () => Promise<(program: Command, verbs: Verbs) => void>>> = {
  demo: async () => (await import('./demo.ts')).addDemo,
  attach: async () => (await import('./attach.ts')).addAttach,
  detach: async () => (await import('./detach.ts')).addDetach,
  upgrade: async () => (await import('./upgrade.ts')).addUpgrade,
  list: async () => (await import('./list.ts')).addList,
  show: async () => (await import('./show.ts')).addShow,
  path: async () => (await import('./path.ts')).addPath,
  policy: async () => (await import('./policy.ts')).addPolicy,
  nvme: async () => (await import('./nvme.ts')).addNvme,
  discover: async () => (await import('./discover.ts')).addDiscover,
  array: async () => (await import('./array.ts')).addArray,
  'gen-dhchap-key': async () => (await import('./gen-dhchap-key.ts')).addGenDhchapKey,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
};

async function buildProgram(verbs: Verbs): Promise<Command> {
  const program = new Command('causeway')
    .description('An ordinary /dev block device over many paths to a storage array, driven from user space.')
    .version(version(), '-V, --version')
    .helpCommand('help [command]', 'what a command does, with its options and examples')
    .showSuggestionAfterError()
    .exitOverride()
    // With it, and the same of every verb, `array show NAME --json` is not taken for `array --json show NAME`.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => verbs.context.stdout.line(text.trimEnd()),
      writeErr: (text) => verbs.context.stderr.line(text.trimEnd()),
      // Errors are told in one place, below.
      outputError: () => undefined,
    })
    .addHelpText('after', epilogue);
  // One that is known needs no other; else all are needed, for the help and for what may have been meant.
  const [word = ''] = verbs.args;
  const wanted = Object.hasOwn(loaders, word) ? loaders[word] : undefined;
  for (const load of wanted === undefined ? Object.values(loaders) : [wanted]) (await load())(program, verbs);
  return program;
}

/** Runs one command line, without the program's name. Resolves to the exit code when all is done. Never rejects. */
export async function run(args: readonly string[], context: Context): Promise<number> {
  let exit = 0;
  const program = await buildProgram({ context, args, setExit: (code) => (exit = code) });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exit;
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    if (error === null) return 0;
    if (context.background) tellParentOfFailure(error);
    for (const line of errorLines(error, args.includes('--json'))) context.stderr.line(line);
    return exitCodeOf(error);
  }
}

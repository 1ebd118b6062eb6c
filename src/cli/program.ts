/** All verbs together, and the way from the words of a command line to an exit code. */
import { Command, CommanderError } from 'commander';
import { addArray } from './array.ts';
import { addAttach } from './attach.ts';
import { tellParentOfFailure } from './background.ts';
import { type Context, version } from './context.ts';
import { addDemo } from './demo.ts';
import { addDetach } from './detach.ts';
import { addDiscover } from './discover.ts';
import { addDoctor } from './doctor.ts';
import { errorLines, exitCodeOf } from './exit-text.ts';
import { addGenDhchapKey } from './gen-dhchap-key.ts';
import { addList } from './list.ts';
import { addPath } from './path.ts';
import { addPolicy } from './policy.ts';
import { addShow } from './show.ts';
import { addUpgrade } from './upgrade.ts';
import { usageError, type Verbs } from './verb.ts';

const epilogue = `
Examples:
  causeway demo                                        # see it work, without an array
  causeway attach nvme+tcp://192.0.2.1,192.0.2.2/NQN   # a volume over two paths
  causeway list
  causeway doctor                                      # what this host lacks, and how to mend it

Exit codes: 0 done, 1 failed, 2 typed wrongly, 3 this host lacks something, 4 array not reached,
5 array refused, 6 in use, 7 not found. Errors go to stderr; with --json as one JSON object.`;

export function buildProgram(verbs: Verbs): Command {
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
  addDemo(program, verbs);
  addAttach(program, verbs);
  addDetach(program, verbs);
  addUpgrade(program, verbs);
  addList(program, verbs);
  addShow(program, verbs);
  addPath(program, verbs);
  addPolicy(program, verbs);
  addDiscover(program, verbs);
  addArray(program, verbs);
  addGenDhchapKey(program, verbs);
  addDoctor(program, verbs);
  return program;
}

/** Runs one command line, without the program's name. Resolves to the exit code when all is done. Never rejects. */
export async function run(args: readonly string[], context: Context): Promise<number> {
  let exit = 0;
  const program = buildProgram({ context, args, setExit: (code) => (exit = code) });
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

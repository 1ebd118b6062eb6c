/** What every verb has in common. */
import type { Command, CommanderError } from 'commander';
import { CausewayError } from '../base/errors.ts';
import type { Context } from './context.ts';

/** What a verb is made with. */
export interface Verbs {
  readonly context: Context;
  /** The words of the command line, without the program. */
  readonly args: readonly string[];
  /** Sets the exit code of a command that did what it was asked, and has found something out. */
  readonly setExit: (code: number) => void;
}

/** A command with `--json` and examples, each a line of the command and, after ` # `, what it does. */
export function verb(parent: Command, usage: string, description: string, examples: readonly string[]): Command {
  const command = parent.command(usage).description(description).option('--json', 'print JSON');
  command.enablePositionalOptions();
  const width = Math.max(...examples.map((example) => (example.split(' # ')[0] ?? '').length));
  const lines = examples.map((example) => {
    const [words = '', meaning] = example.split(' # ');
    return meaning === undefined ? `  ${words}` : `  ${words.padEnd(width)}  # ${meaning}`;
  });
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** One word of what commander says, as one of our codes; null if it only printed what it was asked for. */
export function usageError(error: CommanderError): CausewayError | null {
  const said = error.message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .trim();
  const message = `${said.charAt(0).toLowerCase()}${said.slice(1)}`;
  if (error.exitCode === 0) return null;
  switch (error.code) {
    case 'commander.help':
      // A group of verbs alone (`causeway path`): the help went to stderr already.
      return new CausewayError('wrong-usage', 'the command is not complete');
    case 'commander.unknownOption':
      return new CausewayError('unknown-option', message);
    case 'commander.unknownCommand':
      return new CausewayError('unknown-command', message);
    default:
      return new CausewayError('wrong-usage', message);
  }
}

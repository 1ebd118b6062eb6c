/** How an error is told on stderr: one sentence for its cause and one for the mend, or the same as JSON. */
import { CausewayError, EXIT } from '../base/errors.ts';
import { printable } from './text.ts';

/** What is no coded error is a bug of ours. */
export function codedError(error: unknown): CausewayError {
  if (error instanceof CausewayError) return error;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new CausewayError('assertion', what, { cause: error });
}

function sentence(text: string): string {
  const clean = printable(text.replace(/\s+/g, ' ').trim());
  return /[.!?…]$/.test(clean) ? clean : `${clean}.`;
}

/** The lines for stderr; a bug brings its stack along, because nobody can find it without. */
export function errorLines(error: unknown, json: boolean): string[] {
  const coded = codedError(error);
  const { code, message, hint } = coded;
  if (json) return [JSON.stringify({ error: { code, message, hint, exit: coded.exit } })];
  const lines = [`causeway: ${sentence(message)} ${sentence(hint)} [${code}]`];
  if (code === 'assertion') {
    const origin = coded.cause instanceof Error ? coded.cause : coded;
    lines.push(...(origin.stack ?? '').split('\n').map(printable));
  }
  return lines;
}

export function exitCodeOf(error: unknown): number {
  return error instanceof CausewayError ? error.exit : EXIT.failure;
}

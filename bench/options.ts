/** What the command line of a run can say. */
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  /** Where the record goes. */
  readonly json: string | null;
  readonly writeDocs: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [NAME…] [options]

  --quick        short samples and small volumes, nothing written to docs: to see that everything works
  --rounds N     samples of each contestant, at least 3 (default 5, quick 3)
  --seconds N    of one sample (default 4, quick 1)
  --json FILE    where the record goes (default dist/bench/record.json)
  --no-docs      leave docs/benchmarks.md alone
  --help         this`;

function positive(text: string | undefined, fallback: number, least: number, name: string): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  throw new Error(`--${name} ${text}: a number of at least ${least} is wanted`);
}

/** @throws Error for what it does not know */
export function parseOptions(args: readonly string[], known: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      'no-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such case (there are: ${known.join(', ')})`);
  const { quick } = values;
  return {
    names: positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    quick,
    rounds: Math.floor(positive(values.rounds, quick ? 3 : 5, 3, 'rounds')),
    seconds: positive(values.seconds, quick ? 1 : 4, 0.5, 'seconds'),
    json: values.json ?? null,
    writeDocs: !quick && !values['no-docs'],
    help: values.help,
  };
}

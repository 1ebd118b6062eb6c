/**
 * What a test file's process says while it runs: a line a test on stdout, and for the runner a JSON line a test on
 * descriptor 3, written at once, so that what passed before a crash or a hang is known.
 */
import { writeSync } from 'node:fs';
import { inspect } from 'node:util';

/** One line on descriptor 3: a test has begun or ended; `summed` is a suite, whose tests were counted themselves. */
export interface TestReport {
  readonly what: 'begun' | 'passed' | 'failed' | 'skipped' | 'summed';
  readonly name: string;
  readonly reason?: string;
}

/** The part of node:test's events that is used here. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: {
      readonly type?: string;
      readonly duration_ms: number;
      readonly error?: Error & { readonly failureType?: string };
    };
  };
}

function tell(report: TestReport): void {
  writeSync(3, `${JSON.stringify(report)}\n`);
}

/** Tells the runner about a test that ended and returns what people read. */
function ended(passed: boolean, { name, nesting, skip, todo, details }: TestEvent['data']): string {
  const indent = '  '.repeat(nesting);
  const put = skip ?? todo;
  if (put !== undefined && put !== false) {
    const reason = typeof put === 'string' && put !== '' ? put : 'no reason given';
    tell({ what: 'skipped', name, reason });
    return `${indent}﹣ ${name}: ${reason}\n`;
  }
  // A suite is the sum of its tests, which are counted themselves; only what went wrong in itself counts.
  const sum = details?.type === 'suite' && (passed || details.error?.failureType === 'subtestsFailed');
  const outcome = passed ? 'passed' : 'failed';
  tell({ what: sum ? 'summed' : outcome, name });
  const line = `${indent}${passed ? '✔' : '✖'} ${name} (${Math.round(details?.duration_ms ?? 0)} ms)\n`;
  if (passed || sum) return line;
  return `${line}${inspect(details?.error?.cause ?? details?.error).replaceAll(/^/gm, `${indent}    `)}\n`;
}

// oxlint-disable-next-line import/no-default-export -- node:test asks for a reporter in this form
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type === 'test:dequeue') tell({ what: 'begun', name: data.name });
    else if (type === 'test:pass') yield ended(true, data);
    else if (type === 'test:fail') yield ended(false, data);
    // At nesting 0 stand the sums over the file, which the runner makes itself.
    else if (
      type === 'test:diagnostic' &&
      !/^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(data.message ?? '')
    )
      yield `${'  '.repeat(data.nesting)}ℹ ${data.message}\n`;
  }
}

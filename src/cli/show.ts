/** `causeway show`: everything about one device. */
import type { Command } from 'commander';
import { askDevice } from './ask.ts';
import { showText } from './show-text.ts';
import { verb, type Verbs } from './verb.ts';

export function addShow(program: Command, { context }: Verbs): void {
  verb(program, 'show <name>', 'one device: its kernel device, volume, paths and counters', [
    'causeway show demo',
    'causeway show demo --json',
  ]).action(async (name: string, options: { json?: boolean }) => {
    const view = await askDevice(name);
    if (options.json === true) context.stdout.line(JSON.stringify(view));
    else for (const line of showText(view)) context.stdout.line(line);
  });
}

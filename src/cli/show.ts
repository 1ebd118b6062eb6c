/** `causeway show`: everything about one device. */
import type { Command } from 'commander';
import { askFilters, askStatistics } from './ask.ts';
import { filterText, showText } from './show-text.ts';
import { verb, type Verbs } from './verb.ts';

export function addShow(program: Command, { context }: Verbs): void {
  const print = (value: unknown, text: readonly string[], json: boolean): void => {
    for (const line of json ? [JSON.stringify(value)] : text) context.stdout.line(line);
  };
  verb(program, 'show <name>', 'one device: its kernel device, volume, paths and statistics', [
    'causeway show demo',
    'causeway show demo --json',
    'causeway show demo --filters # what its filters counted and traced',
  ])
    .option('--filters', 'what the filters before the device have to say, for each reactor')
    .action(async (name: string, options: { json?: boolean; filters?: boolean }) => {
      const json = options.json === true;
      if (options.filters === true) {
        const reports = await askFilters(name);
        print({ name, reactors: reports }, filterText(name, reports), json);
        return;
      }
      const { device, statistics } = await askStatistics(name);
      print({ ...device, statistics }, showText(device, statistics), json);
    });
}

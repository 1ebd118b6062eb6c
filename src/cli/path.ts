/** `causeway path`: the paths of a device, one by one. */
import type { Command } from 'commander';
import { callControl } from '../host/control-client.ts';
import { askDevice, askStatistics } from './ask.ts';
import { findPath } from './path-id.ts';
import { pathTable } from './show-text.ts';
import { historyText } from './statistics-text.ts';
import { verb, type Verbs } from './verb.ts';

interface Options {
  readonly json?: boolean;
}

/** The deed is done when the path says so; it is a matter of one message between threads. */
const settleTries = 20;
const settleTime = 50;

export function addPath(program: Command, verbs: Verbs): void {
  const { context } = verbs;
  const path = program.command('path').description('list the paths of a device, take one out, put it back');
  verb(path, 'list <name>', 'the paths of a device, with state, load and latency', [
    'causeway path list demo',
    'causeway path list demo --json',
  ]).action(async (name: string, options: Options) => {
    const { paths } = await askDevice(name);
    if (options.json === true) context.stdout.line(JSON.stringify({ name, paths }));
    else for (const line of pathTable(paths)) context.stdout.line(line);
  });
  verb(path, 'history <name> [path]', 'the last states of the paths, since when, and why', [
    'causeway path history demo',
    'causeway path history demo 2 --json',
  ]).action(async (name: string, which: string | undefined, options: Options) => {
    const { device, statistics } = await askStatistics(name);
    const only = which === undefined ? null : findPath(device, which);
    const paths = statistics.paths.filter(({ id }) => only === null || id === only);
    if (options.json === true)
      context.stdout.line(JSON.stringify({ name, paths: paths.map(({ id, history }) => ({ id, ...history })) }));
    else for (const line of paths.flatMap(historyText)) context.stdout.line(line);
  });
  verb(path, 'fail <name> <path>', 'take a path out: it gets no new I/O until it is restored', [
    'causeway path fail demo 127.0.0.2:4420',
    'causeway path fail demo 2 # by its number in `path list`',
  ]).action((name: string, which: string, options: Options) =>
    change(verbs, name, which, options, 'path-fail', (state) => state === 'disabled'),
  );
  verb(path, 'restore <name> <path>', 'put a path back that was taken out', [
    'causeway path restore demo 127.0.0.2:4420',
  ]).action((name: string, which: string, options: Options) =>
    change(verbs, name, which, options, 'path-restore', (state) => state !== 'disabled'),
  );
  verb(path, 'fail-queued <name>', 'end the requests that wait for a path or a fence, with an error', [
    'causeway path fail-queued demo',
  ]).action(async (name: string, options: Options) => {
    await callControl(name, 'fail-queued');
    const { counters } = await askDevice(name);
    if (options.json === true)
      context.stdout.line(
        JSON.stringify({ name, waiting: counters.waiting, held: counters.held, gated: counters.gated }),
      );
    else
      context.stdout.line(
        `${name}: ${counters.waiting} waiting, ${counters.held} held, ${counters.gated} at a quarantine now`,
      );
  });
}

async function change(
  { context }: Verbs,
  name: string,
  which: string,
  options: Options,
  method: string,
  isDone: (state: string) => boolean,
): Promise<void> {
  const id = findPath(await askDevice(name), which);
  await callControl(name, method, { path: id });
  let state = '';
  for (let tries = 0; tries < settleTries; tries += 1) {
    const { paths } = await askDevice(name);
    state = paths.find((path) => path.id === id)?.state ?? 'removed';
    if (isDone(state)) break;
    await new Promise<void>((resolve) => void context.after(settleTime, resolve));
  }
  if (options.json === true) context.stdout.line(JSON.stringify({ name, path: id, state }));
  else context.stdout.line(`${name}: path ${id} is ${state}`);
}

/** `causeway path`: the paths of a device, one by one. */
import type { Command } from 'commander';
import { callControl } from '../host/control-client.ts';
import { isRecord } from '../host/control-protocol.ts';
import { askDevice, askStatistics } from './ask.ts';
import type { Context } from './context.ts';
import { findPath } from './path-id.ts';
import { pathTable } from './show-text.ts';
import { historyText } from './statistics-text.ts';
import { printable } from './text.ts';
import { verb, type Verbs } from './verb.ts';

interface Options {
  readonly json?: boolean;
}

/** The deed is done when the path says so; it is a matter of one message between threads. */
const settleTries = 20;
const settleTime = 50;
/** Connecting, and taking away what does not answer, have bounds of their own. */
const patience = 60_000;

export function addPath(program: Command, verbs: Verbs): void {
  const { context } = verbs;
  const path = program
    .command('path')
    .description('list the paths of a device, take one out, put it back, add and remove one');
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
  verb(path, 'add <name> <address>', 'connect one more path, HOST[:PORT], to the same subsystem, while I/O runs', [
    'causeway path add demo 127.0.0.5:4420',
  ]).action(async (name: string, address: string, options: Options) => {
    // Connecting may take as long as at attach.
    const added = await callControl(name, 'path-add', { address }, patience);
    const id = isRecord(added) && typeof added['path'] === 'string' ? added['path'] : address;
    tell(context, name, id, await stateOf(name, id), options);
  });
  verb(path, 'remove <name> <path>', 'take a path away while I/O runs, when what is under way on it has ended', [
    'causeway path remove demo 127.0.0.2:4420',
    'causeway path remove demo 1 --force # also the last one: I/O then waits for a path',
  ])
    .option('--force', 'also if no other path carries I/O')
    .action(async (name: string, which: string, options: Options & { readonly force?: boolean }) => {
      const id = findPath(await askDevice(name), which);
      await callControl(name, 'path-remove', { path: id, force: options.force === true }, patience);
      tell(context, name, id, 'removed', options);
    });
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
    state = await stateOf(name, id);
    if (isDone(state)) break;
    await new Promise<void>((resolve) => void context.after(settleTime, resolve));
  }
  tell(context, name, id, state, options);
}

async function stateOf(name: string, id: string): Promise<string> {
  const { paths } = await askDevice(name);
  return paths.find((path) => path.id === id)?.state ?? 'removed';
}

function tell({ stdout }: Context, name: string, path: string, state: string, { json }: Options): void {
  stdout.line(json === true ? JSON.stringify({ name, path, state }) : printable(`${name}: path ${path} is ${state}`));
}

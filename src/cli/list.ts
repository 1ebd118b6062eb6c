/** `causeway list`: every device and array of this host, running or left behind. */
import type { Command } from 'commander';
import { formatSize } from '../base/units.ts';
import { type InstanceEntry, listInstances } from '../host/instances.ts';
import { pathRank } from '../multipath/state.ts';
import { askInstance } from './ask.ts';
import { codedError } from './exit-text.ts';
import type { InstanceView } from './instance.ts';
import { table } from './text.ts';
import { verb, type Verbs } from './verb.ts';

/** One that does not answer must not keep the others from being listed. Milliseconds. */
const askTimeout = 3_000;

export interface ListedInstance extends InstanceEntry {
  /** What it said; null if it runs no more, or did not answer. */
  readonly view: InstanceView | null;
  /** Why there is no view, in a few words; empty if there is one. */
  readonly problem: string;
}

function crashed({ waiting }: InstanceEntry): string {
  return waiting === null
    ? 'crashed; the next start under this name cleans up'
    : `crashed; ${waiting} waits to be attached again under this name`;
}

async function ask(entry: InstanceEntry): Promise<ListedInstance> {
  if (!entry.alive) {
    return { ...entry, view: null, problem: crashed(entry) };
  }
  if (entry.kind === 'library') return { ...entry, view: null, problem: 'served by a program of its own' };
  try {
    return { ...entry, view: await askInstance(entry.name, askTimeout), problem: '' };
  } catch (error) {
    const { code, message } = codedError(error);
    return { ...entry, view: null, problem: code === 'not-running' ? 'starting or ending' : message };
  }
}

export function listText(instances: readonly ListedInstance[]): string[] {
  if (instances.length === 0) return ['No device and no array of Causeway on this host.'];
  const columns = [
    { title: 'NAME' },
    { title: 'DEVICE' },
    { title: 'SIZE', right: true },
    { title: 'PATHS', right: true },
    { title: 'STATE' },
    { title: 'PID', right: true },
    { title: 'VOLUME' },
  ];
  const rows = instances.map((instance) => {
    const { name, pid, view, problem } = instance;
    const process = pid === null ? '–' : String(pid);
    if (view === null) return [name, '–', '–', '–', problem, process, ''];
    const { device, array } = view;
    if (device === null) {
      const ports = array?.ports ?? [];
      const open = ports.filter((port) => port.state === 'open').length;
      return [name, '–', '–', '–', `array, ${open} of ${ports.length} ports open`, process, array?.subsystem ?? ''];
    }
    const live = device.paths.filter((path) => pathRank(path.state) > 0).length;
    return [
      name,
      device.device,
      formatSize(device.sizeBytes),
      device.paths.length === 0 ? '–' : `${live}/${device.paths.length}`,
      stateText(device.state, live, device.paths.length),
      process,
      device.identity,
    ];
  });
  return table(columns, rows);
}

/** What is wrong counts more than that it is served. */
function stateText(state: string, live: number, all: number): string {
  if (state !== 'serving' || all === 0 || live === all) return state;
  return live === 0 ? 'no path' : 'degraded';
}

export function addList(program: Command, { context }: Verbs): void {
  verb(program, 'list', 'all devices and arrays of this host', ['causeway list', 'causeway list --json']).action(
    async (options: { json?: boolean }) => {
      const instances = await Promise.all(listInstances().map(ask));
      if (options.json === true) {
        const plain = instances.map(({ name, kind, pid, since, alive, waiting, view, problem }) => ({
          name,
          kind,
          pid,
          since,
          state: alive ? 'running' : 'crashed',
          problem,
          waiting,
          device: view?.device ?? null,
          array: view?.array ?? null,
        }));
        context.stdout.line(JSON.stringify({ instances: plain }));
      } else for (const line of listText(instances)) context.stdout.line(line);
    },
  );
}

/** 256 volumes over 64 controllers on one host: what they take, and what happens when half of the controllers go. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCase, CaseReport, Goal, TitledTable } from '../case.ts';
import { cpuBetween, readCpu } from '../cpu-time.ts';
import { namePrefix } from '../leftovers.ts';
import { resident } from '../process-memory.ts';
import type { Rig } from '../rig.ts';
import { Subject } from '../subject-client.ts';
import { percent, shortNumber } from '../table.ts';

const ports = 4;
/** Of the ports of each array, those that are closed. */
const half = [0, 1];
const volumeBytes = 16 * 1024 * 1024;
/** What each kernel device is asked for. */
const deviceBytes = 256 * 1024;
/** Below the ports that the kernel gives to outgoing connections, which would take a closed one. */
const firstPort = 20_500;
/** Every request of the light load waits so long before it is sent, milliseconds. */
const pace = 100;
/** Until all paths are back, at most. Milliseconds. */
const restoreMilliseconds = 30_000;

interface Row {
  readonly what: string;
  readonly seconds?: number;
  readonly cpu?: number;
  readonly requests?: number;
}

class ManyVolumes {
  readonly rows: string[][] = [];
  readonly names: string[] = [];
  readonly devices: string[] = [];
  errors = 0;
  restoreSeconds = 0;
  controllers = 0;
  readonly #rig: Rig;
  readonly #host: Subject;
  readonly #array: Subject;
  readonly #urls: readonly string[];

  constructor(rig: Rig, host: Subject, array: Subject, urls: readonly string[]) {
    this.#rig = rig;
    this.#host = host;
    this.#array = array;
    this.#urls = urls;
  }

  async note({ what, seconds, cpu, requests }: Row): Promise<void> {
    const paths = await this.#host.call('host.paths', undefined);
    const fds = descriptors(this.#host.pid);
    this.rows.push([
      what,
      seconds === undefined ? '' : seconds.toFixed(1),
      String(await this.#array.call('arrays.controllers', undefined)),
      String((paths['live-optimized'] ?? 0) + (paths['live-non-optimized'] ?? 0)),
      String(fds.sockets),
      String(fds.all),
      (resident(this.#host.pid).anonymous / 1024 / 1024).toFixed(0),
      cpu === undefined ? '' : percent(cpu),
      requests === undefined ? '' : shortNumber(requests),
    ]);
    this.#rig.say(
      this.rows
        .at(-1)
        ?.filter((cell) => cell !== '')
        .join(', ') ?? '',
    );
  }

  async attach(volumes: number, kernelDevice: 'none' | 'fuse'): Promise<void> {
    const before = performance.now();
    for (let index = 0; index < volumes; index += 1) {
      const url = this.#urls[index % this.#urls.length] ?? '';
      const name = `${namePrefix}m${kernelDevice === 'none' ? '' : 'k'}${index}`;
      const filters = kernelDevice === 'none' ? ([{ kind: 'delay', all: pace }] as const) : [];
      const { device } = await this.#host.call('host.attach', {
        urls: [`${url}?nsid=${Math.floor(index / this.#urls.length) + 1}`],
        options: { name, kernelDevice, fuseTransport: 'uring', isNew: true, filters },
      });
      this.names.push(name);
      if (device !== '') this.devices.push(device);
    }
    const what = kernelDevice === 'none' ? `${volumes} volumes attached` : `${volumes} kernel devices attached`;
    await this.note({ what, seconds: (performance.now() - before) / 1000 });
  }

  /** Writes something of its own to each kernel device and reads it back. */
  async useDevices(): Promise<void> {
    const before = performance.now();
    await Promise.all(
      this.devices.map(async (device, index) => {
        const bytes = Buffer.alloc(deviceBytes, index + 1);
        await writeThrough(device, bytes);
        if (!(await readBack(device)).equals(bytes)) this.errors += 1;
      }),
    );
    await this.note({ what: 'each written and read', seconds: (performance.now() - before) / 1000 });
  }

  async detach(what: string): Promise<void> {
    const before = performance.now();
    this.devices.length = 0;
    for (const name of this.names.splice(0)) await this.#host.call('host.detach', name);
    await this.note({ what, seconds: (performance.now() - before) / 1000 });
  }

  /** CPU time of the host's process during some work, as a share of one CPU. */
  async #cpuOf<T>(work: () => Promise<T>): Promise<{ cpu: number; seconds: number; result: T }> {
    const watched = { ...this.#host.watched, threads: [] };
    const before = readCpu([watched]);
    const result = await work();
    const use = cpuBetween(before, readCpu([watched]), {});
    const own = use.parts[`${watched.name} (other threads)`] ?? 0;
    return { cpu: own / use.elapsed, seconds: use.elapsed, result };
  }

  async idle(): Promise<void> {
    const { cpu } = await this.#cpuOf(() => sleep(this.#rig.seconds * 1000));
    await this.note({ what: 'idle', cpu });
  }

  async load(what: string): Promise<void> {
    const plan = {
      seed: 1,
      depth: 2,
      milliseconds: this.#rig.seconds * 1000,
      first: 0,
      blocks: 512,
      smallest: 1,
      largest: 4,
      weights: { read: 2, write: 2 },
    };
    const { cpu, seconds, result } = await this.#cpuOf(() =>
      this.#host.call('host.verify', { names: this.names, plan }),
    );
    let requests = 0;
    for (const { done, failed, wrong } of result) {
      const succeeded = Object.values(done).reduce((sum, count) => sum + count, 0);
      const lost = Object.values(failed).reduce((sum, count) => sum + count, 0);
      if (succeeded === 0) this.errors += 1;
      requests += succeeded;
      this.errors += lost + wrong;
    }
    await this.note({ what, cpu, requests: requests / seconds });
  }

  /** Half of the ports close at once, under load. */
  async loseHalf(): Promise<void> {
    const closing = sleep(this.#rig.seconds * 300).then(() =>
      this.#array.call('arrays.set-ports', { ports: half, state: 'closed' }),
    );
    await this.load('light load, half of the paths closed meanwhile');
    await closing;
  }

  async restore(): Promise<void> {
    const before = performance.now();
    await this.#array.call('arrays.set-ports', { ports: half, state: 'open' });
    const wanted = this.names.length * ports;
    for (;;) {
      const paths = await this.#host.call('host.paths', undefined);
      this.restoreSeconds = (performance.now() - before) / 1000;
      if ((paths['live-optimized'] ?? 0) === wanted) break;
      if (this.restoreSeconds * 1000 > restoreMilliseconds) throw new Error('not all paths came back');
      await sleep(20);
    }
    this.controllers = await this.#array.call('arrays.controllers', undefined);
    await this.note({ what: 'opened again: all paths live', seconds: this.restoreSeconds });
  }
}

async function writeThrough(device: string, bytes: Buffer): Promise<void> {
  const file = await fs.promises.open(device, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Nobody has the device open any more, so the kernel has forgotten what it had cached of it. */
async function readBack(device: string): Promise<Buffer> {
  const file = await fs.promises.open(device, 'r');
  try {
    const bytes = Buffer.alloc(deviceBytes);
    await file.read(bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

function descriptors(pid: number): { all: number; sockets: number } {
  const names = fs.readdirSync(`/proc/${pid}/fd`);
  const targets = names.map((name) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      // Closed meanwhile.
      return '';
    }
  });
  return { all: names.length, sockets: targets.filter((target) => target.startsWith('socket:')).length };
}

async function startArrays(rig: Rig, subsystems: number, volumes: number): Promise<{ array: Subject; urls: string[] }> {
  const { subject: array } = await Subject.start('array', rig.cleanup);
  const options = Array.from({ length: subsystems }, (_unused, index) => ({
    ports,
    port: firstPort + index,
    subsystem: `nqn.2026-11.io.causeway:many-${index + 1}`,
    advanced: {
      volumes: Array.from({ length: volumes }, (_volume, nsid) => ({
        name: `volume-${nsid + 1}`,
        sizeBytes: volumeBytes,
        blockBytes: 4096,
      })),
    },
  }));
  return { array, urls: await array.call('arrays.start', options) };
}

async function run(rig: Rig): Promise<CaseReport> {
  const subsystems = rig.quick ? 4 : 16;
  const each = rig.quick ? 4 : 16;
  const volumes = subsystems * each;
  const { array, urls } = await startArrays(rig, subsystems, each);
  const { subject: host } = await Subject.start('causeway', rig.cleanup);
  await host.call('host.start', {});
  const many = new ManyVolumes(rig, host, array, urls);
  await many.note({ what: 'host started' });
  await many.attach(volumes, 'none');
  await many.idle();
  await many.load('light load, the first time');
  await many.load('light load');
  await many.loseHalf();
  await many.load('light load, half of the paths down');
  await many.restore();
  await many.detach('detached');
  await many.attach(volumes, 'fuse');
  await many.useDevices();
  const arena = await host.call('host.memory', undefined);
  await many.idle();
  await many.detach('kernel devices detached');
  const head = ['', 's', 'controllers', 'live paths', 'sockets', 'descriptors', 'MiB', 'CPU', 'requests/s'];
  const controllers = subsystems * ports;
  const table: TitledTable = {
    title: `${volumes} volumes of ${subsystems} subsystems over ${controllers} controllers, one host process with one reactor; memory is anonymous memory, CPU a share of one CPU; with kernel devices ${(arena / 1024 / 1024).toFixed(0)} MiB of the reactor's address space are taken`,
    head,
    rows: many.rows,
  };
  const goals: Goal[] = [
    { what: 'controllers', wanted: controllers, reached: many.controllers, atMost: true, unit: 'number' },
    {
      what: 'requests that failed or read something else',
      wanted: 0,
      reached: many.errors,
      atMost: true,
      unit: 'number',
    },
    {
      what: 'seconds until all paths live again',
      wanted: 10,
      reached: many.restoreSeconds,
      atMost: true,
      unit: 'number',
    },
  ];
  return { tables: [table], goals, series: [], extra: { arena } };
}

export const manyVolumes: BenchCase = {
  name: 'many-volumes',
  title: 'Many volumes',
  needs: {},
  run,
};

/**
 * In a guest: the ways from a device to Linux's own NVMe/TCP target over two ports, one after the other on the same volume:
 * the kernel's initiator with its native multipath, our initiator behind each kind of kernel device, and qemu-nbd on top of
 * the kernel's initiator. `guest.js SECONDS ROUNDS`
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { callControl } from '../../src/host/control-client.ts';
import { freshName, startReady } from '../../test/support/cli.ts';
import { attempt, run, shell } from '../../test/support/commands.ts';
import { until } from '../../test/support/until.ts';
import { KernelTarget } from '../../test/vm/harness/nvmet.ts';
import { parseFio } from '../fio.ts';
import { type Result, resultLine, type Subject, subjects } from './result.ts';

const mebi = 2 ** 20;
const [seconds = 5, rounds = 2] = process.argv.slice(2).map(Number);
const subnqn = 'nqn.2026-11.io.causeway:bench';
const ports = [4420, 4421];
const sizeBytes = 256 * mebi;

const workloads: Readonly<Record<string, readonly string[]>> = {
  '4k random read, QD1': ['--rw=randread', '--bs=4k', '--iodepth=1'],
  '4k random read, QD32': ['--rw=randread', '--bs=4k', '--iodepth=32'],
  '4k random write, QD1': ['--rw=randwrite', '--bs=4k', '--iodepth=1'],
  '4k random write, QD32': ['--rw=randwrite', '--bs=4k', '--iodepth=32'],
  '128k read, QD32': ['--rw=read', '--bs=128k', '--iodepth=32'],
};

function tell(result: Result): void {
  console.log(resultLine(result));
}

interface Served {
  readonly device: string;
  readonly end: () => Promise<void>;
}

async function connectKernel(): Promise<Served> {
  await run('modprobe', 'nvme-tcp');
  for (const port of ports) {
    const address = ['-t', 'tcp', '-a', '127.0.0.1', '-s', String(port)];
    await run('nvme', 'connect', ...address, '-n', subnqn, '-i', '2');
  }
  const node = '/dev/nvme0n1';
  await until('the device', () => fs.existsSync(node), 30_000);
  await shell(
    `echo queue-depth > /sys/class/nvme-subsystem/nvme-subsys0/iopolicy || echo round-robin > /sys/class/nvme-subsystem/nvme-subsys0/iopolicy`,
  );
  return {
    device: node,
    end: async () => {
      await run('nvme', 'disconnect', '-n', subnqn);
    },
  };
}

async function attachOurs(kind: 'ublk' | 'nbd' | 'fuse', ...words: string[]): Promise<Served> {
  const name = freshName();
  const url = `nvme+tcp://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${subnqn}`;
  const more = ['--timeout', '60', '--reconnect-longest', '1', ...words];
  const { running, ready } = await startReady('attach', url, '--name', name, '--kernel-device', kind, ...more);
  return {
    device: ready.device,
    end: async () => {
      await callControl(name, 'detach', {}, 120_000);
      await running.ended;
    },
  };
}

async function exportByQemu(): Promise<Served> {
  const kernel = await connectKernel();
  await run('modprobe', 'nbd');
  const free = fs
    .readdirSync('/sys/block')
    .find((name) => name.startsWith('nbd') && !fs.existsSync(`/sys/block/${name}/pid`));
  if (free === undefined) throw new Error('no NBD device is free');
  await run('qemu-nbd', '-c', `/dev/${free}`, '-f', 'raw', '--cache=none', '--aio=native', '--fork', kernel.device);
  await until('its size', () => Number(fs.readFileSync(`/sys/block/${free}/size`, 'utf8')) * 512 === sizeBytes);
  return {
    device: `/dev/${free}`,
    end: async () => {
      await run('qemu-nbd', '-d', `/dev/${free}`);
      await kernel.end();
    },
  };
}

const makers: Readonly<Record<Subject, () => Promise<Served>>> = {
  kernel: connectKernel,
  ublk: () => attachOurs('ublk'),
  nbd: () => attachOurs('nbd'),
  fuse: () => attachOurs('fuse'),
  'fuse-uring': () => attachOurs('fuse', '--fast', '--transport', 'uring'),
  'qemu-nbd': exportByQemu,
};

/** Busy time of all processors, seconds. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    /^cpu +(.*)$/m.exec(fs.readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

function fio(device: string, words: readonly string[], time: number): Promise<string> {
  const common = [
    '--name=bench',
    '--thread',
    `--filename=${device}`,
    '--ioengine=libaio',
    '--direct=1',
    '--norandommap',
  ];
  const end = ['--time_based', `--runtime=${time}`, '--output-format=json'];
  return attempt('fio', [...common, ...words, ...end], time + 120).then(({ code, stdout, stderr }) => {
    if (code !== 0) throw new Error(`fio ended with ${code}: ${stderr}`);
    return stdout;
  });
}

async function measure(subject: Subject, device: string): Promise<void> {
  for (const [workload, words] of Object.entries(workloads)) {
    const before = busySeconds();
    const { iops, completed } = parseFio(await fio(device, words, seconds));
    tell({ kind: 'measurement', subject, workload, iops, completed, cpuSeconds: busySeconds() - before });
  }
}

/** The longest of its requests, milliseconds. */
function longest(report: string): number {
  return Math.max(...[...report.matchAll(/"max" : (\d+)/g)].map((match) => Number(match[1]))) / 1e6;
}

async function stall(subject: Subject, device: string, target: KernelTarget): Promise<void> {
  const words = ['--rw=randrw', '--bs=4k', '--iodepth=4'];
  const before = longest(await fio(device, words, 6));
  const load = fio(device, words, 10);
  await sleep(3000);
  await target.closePort(subnqn, ports[0] ?? 0);
  const after = longest(await load);
  await target.openPort(subnqn, ports[0] ?? 0);
  tell({ kind: 'stall', subject, before, after });
}

const target = await KernelTarget.start(ports);
await target.addSubsystem(subnqn, { bytes: sizeBytes });
const absent = new Set<Subject>();
for (let round = 0; round <= rounds; round += 1) {
  // In the last round the ports go: what it leaves behind shall not slow the others.
  for (const subject of subjects.filter((each) => !absent.has(each))) {
    let served: Served;
    try {
      served = await makers[subject]();
    } catch (error) {
      absent.add(subject);
      tell({ kind: 'absence', subject, reason: String(error).slice(0, 300) });
      continue;
    }
    if (round < rounds) await measure(subject, served.device);
    else await stall(subject, served.device, target);
    await served.end();
  }
}

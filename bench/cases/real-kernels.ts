/**
 * In a guest with a kernel that has them all: kernel devices and initiators side by side, on the same volume of Linux's own
 * target. The guest is emulated, and emulation favours compiled code over what an engine compiles while it runs: the
 * figures say how the ways stand to each other in there, and nothing else.
 */
import path from 'node:path';
import { runInGuest } from '../../test/vm/harness/guest.ts';
import type { BenchCase, CaseReport, TitledTable } from '../case.ts';
import {
  type Measurement,
  parseResultLine,
  type Result,
  type Stall,
  type Subject,
  subjects,
} from '../real-kernels/result.ts';
import type { Rig } from '../rig.ts';
import { median } from '../summary.ts';
import { shortNumber, times } from '../table.ts';

const names: Readonly<Record<Subject, string>> = {
  kernel: 'the kernel’s initiator and multipath',
  ublk: 'ours, ublk',
  nbd: 'ours, NBD',
  fuse: 'ours, FUSE + loop, classic',
  'fuse-uring': 'ours, FUSE + loop, io_uring',
  'qemu-nbd': 'qemu-nbd over the kernel’s initiator',
};

const secondsOfOne = 5;

async function run(rig: Rig): Promise<CaseReport> {
  const rounds = rig.quick ? 1 : 3;
  const results: Result[] = [];
  const { code, console } = await runInGuest({
    kernel: '7',
    seconds: 3000,
    program: [
      process.execPath,
      path.join(import.meta.dirname, '../real-kernels/guest.js'),
      String(rig.quick ? 2 : secondsOfOne),
      String(rounds),
    ],
    onLine: (line) => {
      const result = parseResultLine(line);
      if (result !== null) results.push(result);
      rig.say(line.slice(0, 200));
    },
  });
  if (code !== 0) throw new Error(`the program in the guest ended with ${code}: ${console.slice(-2000)}`);
  return { tables: [...speedTables(results), stallTable(results)], goals: [], series: [], extra: { results } };
}

function speedTables(results: readonly Result[]): TitledTable[] {
  const measured = results.filter((result): result is Measurement => result.kind === 'measurement');
  const workloads = [...new Set(measured.map(({ workload }) => workload))];
  const of = (subject: Subject, workload: string): Measurement[] =>
    measured.filter((each) => each.subject === subject && each.workload === workload);
  const speed = (subject: Subject, workload: string): number => median(of(subject, workload).map(({ iops }) => iops));
  const cost = (subject: Subject, workload: string): number =>
    median(of(subject, workload).map(({ cpuSeconds, completed }) => cpuSeconds / completed));
  const head = ['', ...workloads];
  const rows = (cell: (subject: Subject, workload: string) => string): string[][] =>
    subjects
      .filter((subject) => measured.some((each) => each.subject === subject))
      .map((subject) => [names[subject]].concat(workloads.map((workload) => cell(subject, workload))));
  return [
    {
      title: 'I/O per second in the guest, and as a multiple of the kernel’s',
      head,
      rows: rows((subject, workload) => {
        const mine = speed(subject, workload);
        return `${shortNumber(mine)} (${times(mine / speed('kernel', workload))})`;
      }),
    },
    {
      title: 'Processor time of the whole guest for one I/O, as a multiple of the kernel’s',
      head,
      rows: rows((subject, workload) => times(cost(subject, workload) / cost('kernel', workload))),
    },
  ];
}

function stallTable(results: readonly Result[]): TitledTable {
  const stalls = results.filter((result): result is Stall => result.kind === 'stall');
  return {
    title: 'The longest request, QD4, when one of two ports is taken away (milliseconds)',
    head: ['', 'before', 'with the loss'],
    rows: stalls.map(({ subject, before, after }) => [names[subject], shortNumber(before), shortNumber(after)]),
  };
}

export const realKernels: BenchCase = {
  name: 'real-kernels',
  title: 'On a real kernel with every kind of device, in an emulated guest',
  needs: { fio: 'fio', 'qemu-system-x86_64': 'qemu-system-x86', 'qemu-nbd': 'qemu-utils', nvme: 'nvme-cli' },
  run,
};

/** The machine that a run takes place on. */
import fs from 'node:fs';
import os from 'node:os';
import { run } from './programs.ts';

/** CPUs that this process may use, by number. */
export function cpus(): number[] {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

async function versionOf(program: string): Promise<string> {
  try {
    const { stdout } = await run(program, ['--version'], 10);
    return stdout.split('\n')[0]?.trim() ?? '';
  } catch {
    return 'not installed';
  }
}

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly fio: string;
  readonly qemu: string;
  readonly virtual: boolean;
}

export async function describeMachine(): Promise<Machine> {
  const info = fs.readFileSync('/proc/cpuinfo', 'utf8');
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: os.totalmem(),
    kernel: os.release(),
    node: process.versions.node,
    fio: await versionOf('fio'),
    qemu: await versionOf('qemu-storage-daemon'),
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(info),
  };
}

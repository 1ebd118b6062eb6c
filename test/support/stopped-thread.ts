/**
 * Stops one thread of another process, and lets it go on: the kernel offers that to debuggers alone, as its signals stop
 * whole processes. Should this process end meanwhile, the kernel lets the thread go on by itself.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { errnoName } from '../../src/native/errno.ts';
import { bind, lastErrno } from '../../src/native/libc.ts';
import { until } from './until.ts';

const ptrace = bind<[number, number, number, number]>(
  'long ptrace(long request, long pid, uintptr_t address, uintptr_t data)',
);
const request = { detach: 17, seize: 0x4206, interrupt: 0x4207 } as const;

function must(what: keyof typeof request, tid: number): void {
  if (ptrace(request[what], tid, 0, 0) !== 0) throw new Error(`ptrace ${what} ${tid}: ${errnoName(lastErrno())}`);
}

/** The thread of this name (as `comm` shows it). */
export function threadOf(pid: number, name: string): number {
  const tid = fs.readdirSync(`/proc/${pid}/task`).find((task) => commOf(pid, task) === name);
  assert(tid !== undefined, `process ${pid} has no thread "${name}"`);
  return Number(tid);
}

function commOf(pid: number, task: string): string {
  return fs.readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim();
}

function stateOf(pid: number, tid: number): string {
  // The name before it may hold anything.
  return fs.readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8').split(') ').at(-1)?.[0] ?? '';
}

/** Stops the thread while `meanwhile` lasts. */
export async function stopThread(pid: number, tid: number, meanwhile: () => Promise<unknown>): Promise<void> {
  must('seize', tid);
  must('interrupt', tid);
  try {
    await until('the thread stands still', () => stateOf(pid, tid) === 't');
    await meanwhile();
    assert.equal(stateOf(pid, tid), 't', 'the thread did not stand still to the end');
  } finally {
    must('detach', tid);
  }
}

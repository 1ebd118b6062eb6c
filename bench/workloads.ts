/** The patterns of I/O that are measured; the same for fio and for the generator on the reactor. */

export interface Workload {
  readonly name: string;
  readonly pattern: 'random-read' | 'random-write' | 'read' | 'write';
  readonly blockBytes: number;
  readonly depth: number;
  /** Where on the device it begins; at its start when left out. */
  readonly offsetBytes?: number;
}

const kib = 1024;

export const randomRead1: Workload = {
  name: '4k random read QD1',
  pattern: 'random-read',
  blockBytes: 4 * kib,
  depth: 1,
};
export const randomRead32: Workload = { ...randomRead1, name: '4k random read QD32', depth: 32 };
export const randomRead128: Workload = { ...randomRead1, name: '4k random read QD128', depth: 128 };
export const randomWrite32: Workload = {
  name: '4k random write QD32',
  pattern: 'random-write',
  blockBytes: 4 * kib,
  depth: 32,
};
export const read128k: Workload = {
  name: '128k read QD32',
  pattern: 'read',
  blockBytes: 128 * kib,
  depth: 32,
};
export const write128k: Workload = { ...read128k, name: '128k write QD32', pattern: 'write' };

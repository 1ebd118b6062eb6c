import assert from 'node:assert/strict';
import test from 'node:test';
import type { ArrayHandle, PortState } from '../demo/array-thread.ts';
import { PortBoard } from './port-board.ts';

/** An array whose orders are carried out when the test says so. */
function slowArray(): { array: ArrayHandle; orders: string[]; carryOut: () => void } {
  const orders: string[] = [];
  const waiting: (() => void)[] = [];
  const setPort = (index: number, state: PortState): Promise<void> => {
    orders.push(`${index + 1} ${state}`);
    return new Promise((resolve) => waiting.push(resolve));
  };
  const ports = [{ address: '127.0.0.1', port: 4420 }];
  const rest = { subsystem: 'nqn', url: '', fault: setPort, stats: setPort, stop: setPort };
  return { array: { ports, setPort, ...rest } as unknown as ArrayHandle, orders, carryOut: () => waiting.shift()?.() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a key pressed again before the array has done the first order means the opposite, and comes after it', async () => {
  const { array, orders, carryOut } = slowArray();
  const seen: PortState[] = [];
  const board = new PortBoard(array, (port) => seen.push(port.state));
  const first = board.toggle(1, 'closed');
  const second = board.toggle(1, 'closed');
  await turn();
  assert.deepEqual(orders, ['1 closed']);
  carryOut();
  await first;
  await turn();
  assert.deepEqual(orders, ['1 closed', '1 open']);
  carryOut();
  await second;
  assert.deepEqual(seen, ['closed', 'open']);
});

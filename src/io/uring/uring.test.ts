import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ioContractTests } from '../contract-tests.ts';
import { UringIo } from './io.ts';
import { Reactor } from './reactor.ts';

const memoryBytes = 256 * 1024 * 1024;
const limit = 20_000;

for (const wide of [false, true]) {
  ioContractTests(`uring, ${wide ? 128 : 64}-byte submissions`, () => {
    const near = new Reactor('near', new UringIo({ memoryBytes, wide, entries: 64 }));
    const far = new Reactor('far', new UringIo({ memoryBytes, entries: 1024 }));
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-'));
    return {
      io: near.io,
      other: far.io,
      host: '127.0.0.1',
      overflowBytes: 64 * 1024 * 1024,
      path: (name) => path.join(folder, name),
      run: (work) => runBoth(near.io, far.io, work),
      close: () => {
        near.io.close();
        far.io.close();
        fs.rmSync(folder, { recursive: true });
        return Promise.resolve();
      },
    };
  }, [1, 2, 3]);
}

/** Two reactors on one thread, one batch of each in turn: neither may sleep while the other has work. */
async function runBoth<T>(near: UringIo, far: UringIo, work: Promise<T>): Promise<T> {
  const done = { is: false };
  const settled = work.finally(() => {
    done.is = true;
  });
  settled.catch(() => {});
  const until = performance.now() + limit;
  while (!done.is && performance.now() < until) {
    near.controlDue = true;
    near.turn();
    far.controlDue = true;
    far.turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!done.is) throw new Error(`not settled within ${limit} ms`);
  return settled;
}

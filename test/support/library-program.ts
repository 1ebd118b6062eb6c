/** Programs as people write them with the library: what is of interest is how they end. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { attach, serve, startArray, type UserDevice } from '../../src/index.ts';

const [what, name = ''] = process.argv.slice(2);
const disk: UserDevice = { sizeBytes: 2 ** 20, read: (into) => void into.fill(1), write: () => {} };

async function using(): Promise<void> {
  const array = await startArray({ ports: 2, sizeBytes: 2 ** 24 });
  {
    await using volume = await attach(array.url, { name });
    await volume.write(new Uint8Array(4096).fill(7), 0);
  }
  await array.stop();
}

async function failing(): Promise<void> {
  try {
    await attach('nvme+tcp://127.0.0.1:1/nqn.2014-08.org.example:none', { name });
  } catch (error) {
    console.log(error instanceof Error && 'code' in error ? error.code : error);
  }
}

/** Reads its own device on the thread that has to answer. */
async function selfish(): Promise<void> {
  const served = await serve(disk, { name });
  const fd = fs.openSync(served.device, 'r');
  const begin = performance.now();
  try {
    fs.readSync(fd, new Uint8Array(4096), 0, 4096, 2 ** 18);
    console.log('read');
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
  }
  console.log(Math.round((performance.now() - begin) / 1000));
  fs.closeSync(fd);
  // And all is well again. (Another process, so that this thread can answer.)
  const dd = ['bs=4096', 'count=1', 'skip=65', 'iflag=direct', `if=${served.device}`, 'of=/dev/null'];
  await new Promise<void>((resolve) =>
    execFile('dd', dd, (error) => resolve(console.log(error === null ? 'well' : error.message))),
  );
  await served.close();
}

/** Serves the volume at this URL so that it outlives this program; says the node, and ends only when it is killed. */
async function surviving(url: string): Promise<void> {
  const volume = await attach(url, { name });
  const served = await serve(volume, { name: `${name}-served`, surviveCrash: true });
  console.log(served.device, served.view().survivesCrash);
  await new Promise(() => setInterval(() => {}, 1000));
}

switch (what) {
  case 'surviving':
    await surviving(process.argv[4] ?? '');
    break;
  case 'using':
    await using();
    break;
  case 'failing':
    await failing();
    break;
  case 'selfish':
    await selfish();
    break;
  default:
    throw new Error(`there is no program ${what}`);
}
console.log('end');

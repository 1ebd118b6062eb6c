/**
 * A process with a ublk kernel device over a memory volume, to be killed: `ublk-crasher.js RUNTIME LINKS survive|dies REACTORS`.
 * Writes the device's path when it is ready. On a line on standard input it stops answering, and says so.
 */
import { once } from 'node:events';
import { TestHost } from './fuse-host.ts';

const [runtimeDirectory = '', linkDirectory = '', fate, reactors] = process.argv.slice(2);
const host = await TestHost.start({ sizeBytes: 32 * 1024 * 1024, reactors: Number(reactors) });
const device = await host.open('trial', {
  kind: 'ublk',
  survive: fate === 'survive',
  entriesPerQueue: 8,
  places: { runtimeDirectory, linkDirectory },
});
console.log(device.path);
await once(process.stdin, 'data');
await host.all({ kind: 'hold', on: true });
console.log('holding');

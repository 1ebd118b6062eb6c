/**
 * A process with a FUSE kernel device, to be killed: `node fuse-crasher.js <runtime> <links> <transport>`. Writes the
 * device's path when it is ready. On a line on standard input it stops answering and begins an orderly detach, which so
 * never ends.
 */
import { once } from 'node:events';
import { TestHost } from './fuse-host.ts';

const [runtimeDirectory = '', linkDirectory = '', transport] = process.argv.slice(2);
const host = await TestHost.start({ sizeBytes: 16 * 1024 * 1024 });
const device = await host.open('trial', {
  transport: transport === 'uring' ? 'uring' : 'classic',
  places: { runtimeDirectory, linkDirectory },
});
console.log(device.path);
await once(process.stdin, 'data');
await host.all({ kind: 'hold', on: true });
console.log('holding');
await device.detach({ force: false });

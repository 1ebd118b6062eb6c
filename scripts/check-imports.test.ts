import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImports } from './check-imports.ts';

/** What is found in one file, whose room has a proper door. */
function findings(path: string, text: string): string[] {
  const room = path.split('/')[1] ?? '';
  return checkImports([
    { path: `src/${room}/README.md`, text: '# Room\n\nWhat lives here.\n' },
    { path, text },
  ]);
}

const bad: [string, string, string, RegExp][] = [
  ['upwards', 'src/io/a.ts', "import { x } from '../block/door.ts';", /only downwards/],
  ['upwards for a type', 'src/io/a.ts', "import type { X } from '../block/door.ts';", /only downwards/],
  ['upwards over several lines', 'src/io/a.ts', "import {\n  x,\n} from '../block/door.ts';", /only downwards/],
  ['upwards from a deeper folder', 'src/fabric/n/a.ts', "import { x } from '../../host/b.ts';", /only downwards/],
  ['upwards by export', 'src/io/a.ts', "export { x } from '../block/door.ts';", /only downwards/],
  ['upwards when called', 'src/io/a.ts', "const x = await import('../block/door.ts');", /only downwards/],
  ['upwards for its effect', 'src/io/a.ts', "import '../block/door.ts';", /only downwards/],
  ['to the public library', 'src/cli/a.ts', "import { serve } from '../index.ts';", /above all rooms/],
  ['out of src', 'src/cli/a.ts', "import { x } from '../../test/support/x.ts';", /outside src/],
  ['the host from the array', 'src/array/a.ts', "import { x } from '../host/b.ts';", /machine of its own/],
  ['the initiator from the array', 'src/array/a.ts', "import '../fabric/nvme-tcp/queue-pair.ts';", /shares codecs/],
  ['the FFI outside native', 'src/uring/a.ts', "import koffi from 'koffi';", /only src\/native/],
  ['node:net above io', 'src/fabric/a.ts', "import net from 'node:net';", /sockets/],
  ['node:net in the command line', 'src/cli/a.ts', "import net from 'node:net';", /sockets/],
  ['timers', 'src/multipath/a.ts', "import timers from 'node:timers/promises';", /time/],
  ['Date.now', 'src/fabric/a.ts', 'const t = Date.now();', /time/],
  ['performance.now', 'src/array/a.ts', 'const t = performance.now();', /time/],
  ['setTimeout', 'src/block/a.ts', 'setTimeout(f, 1);', /time/],
  ['setImmediate', 'src/kernel/a.ts', 'setImmediate(f);', /time/],
  ['Math.random', 'src/cli/a.ts', 'const r = Math.random();', /seeded/],
  ['randomUUID', 'src/fabric/a.ts', 'const id = randomUUID();', /replayed/],
  ['process.exit', 'src/cli/a.ts', 'process.exit(1);', /reactor/],
  ['terminate', 'src/host/a.ts', 'await worker.terminate();', /reactor/],
  ['an unknown room', 'src/attic/a.ts', '', /not a room/],
];
for (const [what, path, text, message] of bad) {
  test(`refused: ${what}`, () => {
    const found = findings(path, text);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', message);
    assert.ok(found[0]?.startsWith(path.split('/').slice(0, 2).join('/')), 'the finding names the place');
  });
}

const good: [string, string, string][] = [
  ['downwards', 'src/block/a.ts', "import type { Io } from '../io/contract.ts';"],
  ['within the room', 'src/fabric/nvme-tcp/a.ts', "import { x } from '../contract.ts';"],
  ['the FFI in native', 'src/native/a.ts', "import koffi from 'koffi';"],
  ['codecs in the array', 'src/array/a.ts', "import { x } from '../fabric/nvme-tcp/pdu.ts';"],
  ['the array in the command line', 'src/cli/demo.ts', "import { x } from '../array/array.ts';"],
  ['node:net in the control socket', 'src/host/control-server.ts', "import net from 'node:net';"],
  ['timers for the screen', 'src/cli/a.ts', 'setInterval(draw, 500);'],
  ['a banned name in a comment', 'src/block/a.ts', '// Never Date.now here.\n/* nor\n setTimeout */'],
  ['anything in a test', 'src/io/a.test.ts', "import '../cli/main.ts';\nsetTimeout(f, Math.random());"],
  ['anything in the public library', 'src/index.ts', "export * from './host/attach.ts';"],
];
for (const [what, path, text] of good) {
  test(`allowed: ${what}`, () => {
    const found = path === 'src/index.ts' ? checkImports([{ path, text }]) : findings(path, text);
    assert.deepEqual(found, []);
  });
}

test('a room without a sentence at its door is refused', () => {
  const file = { path: 'src/io/a.ts', text: '' };
  assert.match(checkImports([file]).join(), /src\/io: has no README/);
  assert.match(checkImports([file, { path: 'src/io/README.md', text: '# Io\n' }]).join(), /one sentence/);
});

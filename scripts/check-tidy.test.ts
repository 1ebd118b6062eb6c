import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTidy } from './check-tidy.ts';

const bad: [string, string, string, RegExp][] = [
  ['a long file', 'src/io/a.ts', 'x\n'.repeat(500), /501 lines/],
  ['a path of a machine', 'docs/a.md', 'see /home/me/notes', /one machine/],
  ['a registry', 'docs/a.md', 'from registry.example.org', /registry/],
  ['an issue by number', 'src/io/a.ts', '// as issue 7 wants', /speaks of itself/],
  ['work left without a reason', 'src/io/a.ts', '// TODO later', /reason/],
  ['a silenced compiler', 'src/io/a.ts', '// @ts-ignore', /ts-expect-error/],
  ['a silenced linter', 'src/io/a.ts', '// oxlint-disable-next-line no-console', /reason/],
  ['an exclusive test', 'src/io/a.test.ts', "test.only('x', f);", /other tests/],
  ['space at the end', 'docs/a.md', 'text ', /end of a line/],
];
for (const [what, path, text, message] of bad) {
  test(`refused: ${what}`, () => {
    const found = checkTidy([{ path, text }]);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', message);
    assert.ok(found[0]?.startsWith(path));
  });
}

const good: [string, string, string][] = [
  ['500 lines', 'src/io/a.ts', 'x\n'.repeat(499)],
  ['system paths', 'src/io/a.ts', "const path = '/run/causeway/work/x'; // ./work/ too"],
  ['work left with its reason', 'src/io/a.ts', '// TODO: needs Linux 6.16, which no distribution ships'],
  ['a silenced linter with its reason', 'src/io/a.ts', '// oxlint-disable-next-line no-console -- prints for people'],
];
for (const [what, path, text] of good) {
  test(`allowed: ${what}`, () => assert.deepEqual(checkTidy([{ path, text }]), []));
}

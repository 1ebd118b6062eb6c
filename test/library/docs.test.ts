/** What docs/library.md says of codes and options is so. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { isErrorCode } from '../../src/base/errors.ts';
import { statusErrno } from '../../src/block/status.ts';
import { statusOfError } from '../../src/library/status-errors.ts';
import { errno } from '../../src/native/errno.ts';
import { policyOf } from '../../src/multipath/policy.ts';

const root = new URL('../../../', import.meta.url);

function read(path: string): string {
  return fs.readFileSync(new URL(path, root), 'utf8');
}

/** The rows of the table that begins with this header, without the header: cells as text. */
function table(header: string): string[][] {
  const text = read('docs/library.md');
  const begin = text.indexOf(`${header}\n`);
  assert.ok(begin >= 0, `there is no table ${header}`);
  const [, , ...rows] = text.slice(begin).split('\n\n')[0]?.trimEnd().split('\n') ?? [];
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function names(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
}

/** Members of an interface, as its source declares them. */
function members(path: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(read(path))?.[1] ?? '';
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member]) => member ?? '');
}

describe('docs/library.md', () => {
  it('names codes that there are', () => {
    const codes = table('| code | from | |').flatMap(([cell]) => names(cell));
    assert.ok(codes.length > 15);
    for (const code of codes) assert.ok(isErrorCode(code), code);
  });

  it('names the errno of each outcome', () => {
    const rows = table('| code | errno |');
    assert.equal(rows.length, statusErrno.length - 1);
    for (const [cell, name] of rows) {
      const [code = ''] = names(cell);
      assert.ok(isErrorCode(code), code);
      const value = Object.entries(errno).find(([known]) => known === name)?.[1];
      assert.equal(statusErrno[statusOfError({ code })], value, code);
    }
  });

  const [attachOptions, serveOptions] = [
    ...read('docs/library.md').matchAll(/^\| option \| meaning \| default \|\n[\s\S]*?\n\n/gm),
  ].map(([text]) =>
    text
      .split('\n')
      .slice(2)
      .flatMap((row) => names(row.split('|')[1])),
  );

  it('names every option of attach, and no other', () => {
    const own = members('src/library/options.ts', 'AttachOptions');
    const host = members('src/host/contract.ts', 'AttachOptions');
    const secrets = members('src/host/secret-files.ts', 'SecretFiles');
    const policy = [...Object.keys(policyOf({})), ...members('src/host/contract.ts', 'PolicySettings')];
    // What the library leaves out, as its type says.
    const [, omitted = ''] = /^type NotOfVolumes =([^;]*);/m.exec(read('src/library/options.ts')) ?? [];
    const left = new Set([...omitted.matchAll(/'(\w+)'/g)].map(([, name]) => name));
    const there = new Set([...own, ...host, ...secrets, ...policy].filter((name) => !left.has(name)));
    assert.deepEqual(attachOptions?.toSorted(), [...there].toSorted());
  });

  it('names everything that `setPolicy` takes', () => {
    const [row = ''] = /^\| `setPolicy.*$/m.exec(read('docs/library.md')) ?? [];
    for (const name of Object.keys(policyOf({}))) assert.ok(row.includes(`\`${name}\``), name);
  });

  it('names every option of serve, and no other', () => {
    assert.deepEqual(serveOptions?.toSorted(), members('src/library/options.ts', 'ServeOptions').toSorted());
  });
});

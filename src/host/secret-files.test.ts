import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import { readSecretFile, readSecrets, writeSecretFile } from './secret-files.ts';

let folder = '';
before(() => {
  folder = fs.mkdtempSync('/tmp/causeway-secret-');
});
after(() => fs.rmSync(folder, { recursive: true }));

const key = { transform: 1, key: new Uint8Array(32).fill(0x77) };
const place = (name: string): string => path.join(folder, name);

test('what was written can be read, by its owner alone', () => {
  const file = place('good');
  writeSecretFile(file, key);
  assert.equal(fs.statSync(file).mode & 0o7777, 0o600);
  assert.deepEqual(readSecretFile(file), key);
  assert.throws(() => writeSecretFile(file, key), { code: 'file-open', message: /EEXIST/ });
  assert.deepEqual(readSecrets({ dhchapSecretFile: file }), { host: key, controller: null });
  assert.deepEqual(readSecrets({ dhchapSecretFile: file, dhchapCtrlSecretFile: file }), { host: key, controller: key });
  assert.equal(readSecrets({}), null);
  assert.throws(() => readSecrets({ dhchapCtrlSecretFile: file }), { code: 'invalid-argument' });
});

test('any right of others is one too many; read-only, as systemd has it, is none', () => {
  const file = place('mode');
  writeSecretFile(file, key);
  for (const mode of [0o400, 0o600, 0o700]) {
    fs.chmodSync(file, mode);
    readSecretFile(file);
  }
  for (const mode of [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o666, 0o777]) {
    fs.chmodSync(file, mode);
    assert.throws(
      () => readSecretFile(file),
      (error) => {
        assert.ok(error instanceof CausewayError && error.code === 'secret-exposed');
        assert.ok(error.message.includes(file) && error.message.includes(mode.toString(8)), error.message);
        assert.ok(error.hint.includes('chmod 600'), error.hint);
        return true;
      },
    );
  }
});

test('what is no secret, or no file, is refused at once', () => {
  const text = place('text');
  for (const content of ['', 'hunter2\n', 'x'.repeat(100_000), '\0'.repeat(64)]) {
    fs.writeFileSync(text, content, { mode: 0o600 });
    assert.throws(() => readSecretFile(text), { code: 'bad-secret', message: /text: The secret is not usable/ });
  }
  assert.throws(() => readSecretFile(place('missing')), { code: 'file-open' });
  const folderInPlace = place('folder');
  fs.mkdirSync(folderInPlace, { mode: 0o700 });
  assert.throws(() => readSecretFile(folderInPlace), { code: 'file-open', message: /no regular file/ });
  const fifo = place('fifo');
  execFileSync('mkfifo', ['-m', '600', fifo]);
  assert.throws(() => readSecretFile(fifo), { code: 'file-open', message: /no regular file/ });
});

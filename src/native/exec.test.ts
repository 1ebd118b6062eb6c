import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { errno } from './errno.ts';
import { replaceProcess } from './exec.ts';

test('a process becomes another program under the same id, with arguments and environment as given', () => {
  const module = new URL('./exec.js', import.meta.url).href;
  const script = `
    const { replaceProcess } = await import(${JSON.stringify(module)});
    const code = 'console.log(process.pid, process.env.SECOND, process.argv.slice(1).join("|"))';
    replaceProcess(process.execPath, [process.execPath, '-e', code, 'one', 'two words'], { SECOND: String(process.pid) });
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  const [pid, second, ...rest] = output.toString().trim().split(' ');
  assert.equal(pid, second);
  assert.equal(rest.join(' '), 'one|two words');
});

test('a program that is not there is an error, and this process goes on', () => {
  assert.equal(replaceProcess('/nonexistent', ['x'], {}), -errno.ENOENT);
});

/** Has a piece of work on a loop device done by the helper process, within a bound. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CausewayError } from '../../base/errors.ts';
import type { KernelHost } from '../contract.ts';
import { type LoopAnswer, type LoopRequest, parseAnswer } from './loop-work.ts';

/** The helper stands beside this file and has the same ending: sources where node strips types, built code elsewhere. */
const helperPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './loop-helper.ts' : './loop-helper.js', import.meta.url),
);

function run(request: LoopRequest): { answer: Promise<LoopAnswer>; kill: () => void } {
  const child = spawn(process.execPath, [helperPath, JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Options that the user gave to us (an inspector, a loader) are not for the helper.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const answer = new Promise<LoopAnswer>((resolve) => {
    let out = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
    const fail = (failure: string): void => resolve({ failure, device: '', held: false });
    child.on('error', (error) => fail(`the helper process cannot be started: ${error.message}`));
    child.on('close', () => {
      const parsed = parseAnswer(out);
      if (parsed === null) fail(`the helper process ended without an answer ${complaints.trim()}`.trim());
      else resolve(parsed);
    });
  });
  return {
    answer,
    kill: () => {
      child.kill('SIGKILL');
      // It may sit in the kernel until the device answers: nothing of ours waits for it.
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
}

/** @throws CausewayError `kernel-device-failed` if it fails or takes longer than `milliseconds` */
export async function askHelper(host: KernelHost, request: LoopRequest, milliseconds: number): Promise<LoopAnswer> {
  const { answer, kill } = run(request);
  const result = await Promise.race([answer, host.sleep(milliseconds)]);
  const what = request.kind === 'attach' ? request.file : request.device;
  if (result === undefined) {
    kill();
    throw new CausewayError(
      'kernel-device-failed',
      `${request.kind} of ${what} took longer than ${Math.round(milliseconds / 1000)} s`,
      { hint: 'The volume does not answer; force the detach, or wait until a path is back.' },
    );
  }
  if (result.failure !== null) throw new CausewayError('kernel-device-failed', `${what}: ${result.failure}`);
  return result;
}

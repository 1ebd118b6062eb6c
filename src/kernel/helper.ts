/**
 * Helper processes: each does one piece of work on a kernel device and ends. Whatever opens such a device, or asks the
 * kernel for what may have to wait for one, is done by one of them: done in the process that serves the device, a request
 * that is never answered would hang it, and a kill could not end it.
 *
 * Started as `node PROGRAM <request as JSON>`; writes one HelperAnswer as JSON to standard output.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { CausewayError } from '../base/errors.ts';
import { closeDescriptor } from '../native/descriptors.ts';
import { errnoName } from '../native/errno.ts';
import type { KernelHost } from './contract.ts';

type FailureCode = 'kernel-device-failed' | 'kernel-device-unavailable';

export interface HelperAnswer {
  /** What went wrong, in a sentence without a name; null if it was done. */
  readonly failure: string | null;
  /** Of a failure: `kernel-device-unavailable` if nothing was made; `kernel-device-failed` when left out. */
  readonly code?: FailureCode;
  /** The device; empty if it is not ours: gone already, and perhaps somebody else's by now. */
  readonly device: string;
  /** Where it was to be taken away: somebody else has it open, so it is not gone. */
  readonly held: boolean;
}

/** The answer that a text carries; null if it carries none. */
function parseAnswer(text: string): HelperAnswer | null {
  try {
    const value: unknown = JSON.parse(text);
    return isAnswer(value) ? value : null;
  } catch {
    return null;
  }
}

function isAnswer(value: unknown): value is HelperAnswer {
  if (typeof value !== 'object' || value === null) return false;
  if (!('device' in value) || typeof value.device !== 'string') return false;
  if (!('held' in value) || typeof value.held !== 'boolean') return false;
  if ('code' in value && value.code !== 'kernel-device-failed' && value.code !== 'kernel-device-unavailable')
    return false;
  return 'failure' in value && (value.failure === null || typeof value.failure === 'string');
}

/** The first number under which a helper finds the descriptors that it was given, in order. */
export const firstGiven = 3;

/** A piece of work for a helper. */
export interface HelperOrder {
  /** The file of the helper's program. */
  readonly program: string;
  /** Plain data, for the program to parse. */
  readonly request: object;
  /** For messages: the deed, and what it is done to. */
  readonly deed: string;
  readonly what: string;
  readonly milliseconds: number;
  /** Descriptors that the helper is to have. */
  readonly descriptors?: readonly number[];
}

function run(order: HelperOrder): { answer: Promise<HelperAnswer>; kill: () => void } {
  const child = spawn(process.execPath, [order.program, JSON.stringify(order.request)], {
    stdio: ['ignore', 'pipe', 'pipe', ...(order.descriptors ?? [])],
    // Options that the user gave to us (an inspector, a loader) are not for the helper.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const { stdout, stderr } = child;
  const answer = new Promise<HelperAnswer>((resolve) => {
    let out = '';
    let complaints = '';
    stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
    stderr?.setEncoding('utf8').on('data', (text: string) => (complaints += text));
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
      stdout?.destroy();
      stderr?.destroy();
    },
  };
}

/** @throws CausewayError as the answer says if it fails, `kernel-device-failed` if it takes longer than it may */
export async function askHelper(host: KernelHost, order: HelperOrder): Promise<HelperAnswer> {
  const { answer, kill } = run(order);
  const result = await Promise.race([answer, host.sleep(order.milliseconds)]);
  if (result === undefined) {
    kill();
    throw new CausewayError(
      'kernel-device-failed',
      `${order.deed} of ${order.what} took longer than ${Math.round(order.milliseconds / 1000)} s`,
      { hint: 'The volume does not answer; force the detach, or wait until a path is back.' },
    );
  }
  const { failure, code = 'kernel-device-failed' } = result;
  if (failure !== null) throw new CausewayError(code, `${order.what}: ${failure}`);
  return result;
}

/** What a helper cannot do. */
export class HelperFailure extends Error {
  readonly code: FailureCode;

  constructor(message: string, code: FailureCode = 'kernel-device-failed') {
    super(message);
    this.code = code;
  }
}

/** @throws HelperFailure naming what was tried */
export function check(result: number, what: string): number {
  if (result < 0) throw new HelperFailure(`${what}: ${errnoName(result)}`);
  return result;
}

export function using<T>(descriptor: number, work: (descriptor: number) => T): T {
  try {
    return work(descriptor);
  } finally {
    closeDescriptor(descriptor);
  }
}

/** The main program of a helper. @param parse the request that a value is; null if it is none */
export function answerRequest<T>(parse: (value: unknown) => T | null, perform: (request: T) => HelperAnswer): void {
  let answer: HelperAnswer;
  try {
    const request = parse(JSON.parse(process.argv[2] ?? ''));
    if (request === null) throw new HelperFailure('this is no request');
    answer = perform(request);
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    const code = error instanceof HelperFailure ? error.code : 'kernel-device-failed';
    answer = { failure, code, device: '', held: false };
  }
  fs.writeSync(1, JSON.stringify(answer));
}

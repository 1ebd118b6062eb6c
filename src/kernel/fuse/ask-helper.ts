/** Has a piece of work on a loop device done by the helper process, within a bound. */
import { fileURLToPath } from 'node:url';
import type { KernelHost } from '../contract.ts';
import { askHelper as ask, type HelperAnswer } from '../helper.ts';
import type { LoopRequest } from './loop-work.ts';

/** The helper stands beside this file and has the same ending: sources where node strips types, built code elsewhere. */
const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './loop-helper.ts' : './loop-helper.js', import.meta.url),
);

/** @throws CausewayError `kernel-device-failed` if it fails or takes longer than `milliseconds` */
export function askHelper(host: KernelHost, request: LoopRequest, milliseconds: number): Promise<HelperAnswer> {
  const what = request.kind === 'attach' ? request.file : request.device;
  return ask(host, { program, request, deed: request.kind, what, milliseconds });
}

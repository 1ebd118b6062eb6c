/**
 * A keeper: a process that does nothing but hold a descriptor open. What is behind it lives for as long as anybody does that,
 * so when the process that serves it dies, requests wait instead of failing; the next one takes a copy of the descriptor
 * out of the keeper (pidfd_getfd) and serves on. Of FUSE it keeps /dev/fuse, for as long as there is a device; of NBD the
 * connection to the kernel, while a device changes hands.
 *
 * It is `sleep`, in a session of its own, started with the descriptor as its fourth: small, found on every Linux, and with
 * nothing in it that could fail. It goes with the device, or by itself long after.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CausewayError } from '../base/errors.ts';
import { systemError } from '../native/libc.ts';
import { descriptorOf } from '../native/pidfd.ts';
import { identityOf, isAlive } from './process-identity.ts';
import type { Keeper } from './traces.ts';

/** The number of the descriptor there. */
const keptAs = 3;
/** The longest time that every `sleep` understands, seconds. */
const longest = '2147483647';

/** Starts a keeper of this descriptor. @throws CausewayError `kernel-device-unavailable` */
export async function startKeeper(fd: number): Promise<Keeper> {
  const child = spawn('sleep', [longest], { cwd: '/', detached: true, stdio: ['ignore', 'ignore', 'ignore', fd] });
  child.unref();
  try {
    await once(child, 'spawn');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CausewayError('kernel-device-unavailable', `cannot start a keeper of a device: ${why}`, { cause });
  }
  const identity = child.pid === undefined ? null : identityOf(child.pid);
  if (identity === null) throw new CausewayError('kernel-device-failed', 'the keeper of a device ended at once');
  return { ...identity, fd: keptAs };
}

/** A descriptor of what is kept, as it was; null if the keeper is gone. */
export function takeKept(keeper: Keeper): number | null {
  if (!isAlive(keeper)) return null;
  const fd = descriptorOf(keeper.pid, keeper.fd);
  if (fd >= 0) return fd;
  if (!isAlive(keeper)) return null;
  throw systemError(
    'kernel-device-failed',
    `cannot take a device over from process ${keeper.pid}`,
    -fd,
    'Run as root.',
  );
}

/** Ends it, if it is that very process. */
export function endKeeper(keeper: Keeper | null): void {
  if (keeper === null || !isAlive(keeper)) return;
  try {
    process.kill(keeper.pid, 'SIGKILL');
  } catch {
    // It went at this moment.
  }
}

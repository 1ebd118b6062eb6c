/**
 * Where a device does not survive its process, its users are to get errors when that dies. New requests do; those that were
 * sent and not answered the kernel would keep for ever, until somebody disconnects the device. So somebody waits for that:
 * a shell in a session of its own that reads a pipe of which this process has the other end. However the process ends, the
 * pipe does, and then the shell becomes the helper that takes the device away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { program } from './work.ts';

export class DeathWatch {
  readonly #child: ChildProcess;

  constructor(device: string, backend: string) {
    const request = JSON.stringify({ kind: 'release', device, backend });
    const words = ['-c', 'read nothing; exec "$@"', 'sh', process.execPath, program, request];
    this.#child = spawn('sh', words, {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    // Without it users wait for the next start, which clears up as well.
    this.#child.on('error', () => {});
    this.#child.unref();
  }

  /** The device is gone. */
  end(): void {
    this.#child.kill('SIGKILL');
    this.#child.stdin?.destroy();
  }
}

/** Loads a module of the kernel, where that is all that is missing and this process may. */
import { execFile } from 'node:child_process';

/** A module that probes hardware may take long; ours do not. */
const loadMilliseconds = 10_000;
const folders = '/usr/local/sbin:/usr/sbin:/sbin';

/** What `modprobe` said if it failed; null if the module is there now. */
export function loadModule(name: string): Promise<string | null> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${folders}` };
  return new Promise((resolve) => {
    execFile('modprobe', ['--', name], { env, timeout: loadMilliseconds }, (error, _stdout, stderr) => {
      resolve(error === null ? null : stderr.trim() || error.message);
    });
  });
}

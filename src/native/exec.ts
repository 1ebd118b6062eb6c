/** execve(2): this process becomes another program, with its id, descriptors and terminal. */
import koffi from 'koffi';
import { lastErrno } from './libc.ts';

const execveCall = koffi.load(null).func('int execve(const char *path, const char **argv, const char **envp)');

/** Does not return if it succeeds; -errno if it fails. Descriptors that are close-on-exec are closed. */
export function replaceProcess(program: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);
  execveCall(program, [...args, null], [...settings, null]);
  return -lastErrno();
}

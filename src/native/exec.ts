/** execve(2): this process becomes another program, with its id, descriptors and terminal. */
import koffi from 'koffi';
import { bind, lastErrno } from './libc.ts';

const F_SETFD = 2;
const standardDescriptors = [0, 1, 2];

const fcntlCall = bind<[number, number, number]>('int fcntl(int fd, int command, int argument)');

const execveCall = koffi.load(null).func('int execve(const char *path, const char **argv, const char **envp)');

/** Does not return if it succeeds; -errno if it fails. Descriptors that are close-on-exec are closed, but for the standard ones. */
export function replaceProcess(program: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  // Node marks even these close-on-exec at its start, so that no child gets them by accident.
  for (const fd of standardDescriptors) fcntlCall(fd, F_SETFD, 0);
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);
  execveCall(program, [...args, null], [...settings, null]);
  return -lastErrno();
}

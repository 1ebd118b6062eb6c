/**
 * Gives the terminal back where the process cannot: after kill -9, which is also how a fatal error in a reactor ends it.
 * A shell waits at the other end of a pipe. If it hears that all is well it just ends; if the pipe breaks, it restores.
 */
import { spawn } from 'node:child_process';

// Setting a terminal from a process group that is no longer in front stops a process unless SIGTTOU is ignored.
const script = `
  trap '' INT TERM HUP TTOU TSTP
  saved=$(stty -g <&3 2>/dev/null)
  echo ready
  read -r word
  [ "$word" = well ] && exit 0
  printf '%s' "$1" >&3
  [ -n "$saved" ] && stty "$saved" <&3
`;

/**
 * @param fd the terminal, open for writing
 * @param restore what to write to it
 * @returns a function that ends the guard; the terminal is restored already then
 */
export function startGuard(fd: number, restore: string): () => void {
  const guard = spawn('/bin/sh', ['-c', script, 'causeway-guard', restore], {
    stdio: ['pipe', 'ignore', 'ignore', fd],
    cwd: '/',
  });
  // Without a shell the terminal is restored in all cases but one; that is no reason not to serve.
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  guard.unref();
  return () => {
    guard.stdin?.end('well\n');
  };
}

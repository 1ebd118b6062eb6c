/** The command line's entry: runs it, and lets the process end by itself when nothing is left to do. */
import { enterIoPath } from '../host/first-stage.ts';

/** Everything was taken down by now; what still keeps the process is stuck. Milliseconds. */
const lingering = 10_000;

/** Verbs that serve a device in this process. */
const serving = new Set(['demo', 'attach']);
if (serving.has(process.argv[2] ?? '') && process.getuid?.() === 0) enterIoPath();

// Loaded by the second stage only: half of the time that a start takes.
const { realContext } = await import('./context.ts');
const { run } = await import('./program.ts');

// Not process.exit: it aborts or hangs while a reactor sits in a system call.
process.exitCode = await run(process.argv.slice(2), realContext());
setTimeout(() => {
  process.stderr.write(
    `causeway: something keeps the process from ending; it is killed (${process.exitCode ?? 0} was its exit code)\n`,
  );
  process.kill(process.pid, 'SIGKILL');
}, lingering).unref();

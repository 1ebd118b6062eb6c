/** Starts processes that are measured, and speaks with them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Caller, type AnswerMessage, fromThread } from '../src/host/rpc.ts';
import type { Cleanup } from './cleanup.ts';
import type { WatchedProcess } from './cpu-time.ts';
import type { SubjectMethods } from './subject.ts';

type Argument<Name extends keyof SubjectMethods> = Parameters<SubjectMethods[Name]>[0];
type Result<Name extends keyof SubjectMethods> = Awaited<ReturnType<SubjectMethods[Name]>>;

const entry = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './subject.ts' : './subject.js', import.meta.url),
);
/** Taking a device down includes helper processes and a drain, each bounded. Seconds. */
const endSeconds = 40;
/** Names of reactor threads; see `ReactorThread`. */
const threads = ['reactor-0', 'array'];

export class Subject {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #caller: Caller;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#caller = new Caller((message) => child.send(message));
    child.on('message', (message) => this.#caller.onAnswer(fromThread<AnswerMessage>(message)));
    child.once('exit', (code, signal) => {
      this.#caller.failAll(new Error(`the process "${name}" ended with ${code ?? signal}`));
    });
  }

  /** Starts a process; when the run ends, it is taken down. */
  static async start(name: string, cleanup: Cleanup): Promise<{ subject: Subject; end: () => Promise<void> }> {
    // A group of its own: Ctrl-C is for us, and we decide what becomes of it.
    const child = fork(entry, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], detached: true });
    const subject = new Subject(name, child);
    const end = cleanup.add(() => subject.#end());
    await once(child, 'spawn');
    return { subject, end };
  }

  call<Name extends keyof SubjectMethods>(name: Name, argument: Argument<Name>): Promise<Result<Name>> {
    return this.#caller.call<Result<Name>>(name, argument);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get watched(): WatchedProcess {
    return { name: this.name, pid: this.pid, threads };
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), endSeconds * 1000);
    await gone;
    clearTimeout(timer);
    if (child.signalCode !== null) throw new Error(`the process "${this.name}" had to be killed`);
  }
}

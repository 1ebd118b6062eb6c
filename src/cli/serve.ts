/**
 * Serves one instance from start to end: takes the name, starts what is asked for, tells when it is usable, and takes
 * everything down again in the opposite order, whatever happened.
 */
import fs from 'node:fs';
import { CausewayError } from '../base/errors.ts';
import type { ArrayHandle, ArrayOptions } from '../demo/array-thread.ts';
import type { AttachOptions, Attachment, Host } from '../host/contract.ts';
import { callControl } from '../host/control-client.ts';
import { serveControl } from '../host/control-server.ts';
import { claimInstance } from '../host/instance-claim.ts';
import { type InstanceKind, readInstanceRecord } from '../host/instance-record.ts';
import { isAlive } from '../kernel/process-identity.ts';
import { placesOf } from '../host/runtime-dir.ts';
import { tellParent } from './background.ts';
import { type Context, version } from './context.ts';
import { controlMethods } from './control-methods.ts';
import { Ending } from './ending.ts';
import { codedError, errorLines } from './exit-text.ts';
import type { Instance } from './instance.ts';
import { PortBoard, type PortView } from './port-board.ts';
import { reportJson } from './report-json.ts';
import { reportLines } from './report-lines.ts';
import { reportScreen } from './report-screen.ts';
import { describeHolders, type ReportedEvent, type Reporter } from './reporter.ts';
import { StartSignals } from './start-signals.ts';
import { counted } from './text.ts';
import { Undo } from './undo.ts';
import { formatDuration } from '../base/units.ts';

export interface ServePlan {
  readonly name: string;
  readonly kind: InstanceKind;
  /** The array to start, if one is to run in this process: the first of these whose ports are free. */
  readonly arrays: readonly ArrayOptions[];
  /** The device to make, if one is to be; without URLs it is the array's volume. */
  readonly device: { readonly urls: readonly string[]; readonly options: AttachOptions } | null;
  /** Milliseconds. */
  readonly grace: number;
  readonly force: boolean;
  readonly json: boolean;
  /** A process that serves this name is asked to hand its device over. */
  readonly takeOver: boolean;
  /** The command line, without the program. */
  readonly words: readonly string[];
}

/** What is under way is answered first, and that may wait for an array. Milliseconds. */
const handOverTimeout = 60_000;
/** How long its process may take to end afterwards, milliseconds. */
const endTimeout = 30_000;
/** So long the answer to who asked may take to be sent, milliseconds. */
const crashDelay = 50;
const nobodyServes: ReadonlySet<string> = new Set(['no-such-device', 'not-running']);

/** Who hears the signals now. */
interface Signals {
  onSignal: () => void;
}

/** Resolves when all is down again. @throws CausewayError whatever kept it from serving, or ended it */
export async function serve(context: Context, plan: ServePlan): Promise<void> {
  if (plan.device !== null && !context.mayMakeDevices) {
    throw new CausewayError('needs-root', 'a kernel device can be made by root only (CAP_SYS_ADMIN)');
  }
  const undo = new Undo();
  const signals: Signals = { onSignal: () => undefined };
  // Before the first trace is left anywhere: from here on no signal ends the process by itself.
  undo.add(
    'leaving the signals alone',
    context.onEndSignal(() => signals.onSignal()),
  );
  let failure: CausewayError | null = null;
  try {
    const host = plan.takeOver ? await takeOver(context, plan.name, undo) : null;
    const claim = claimInstance(plan.name, plan.kind, context.background);
    undo.add('giving the name back', () => claim.release());
    await new Serving(context, plan, undo, signals, host).run();
  } catch (error) {
    failure = codedError(error);
  }
  const [first, ...others] = [...(failure === null ? [] : [failure]), ...(await undo.run(context))];
  for (const error of others) {
    for (const line of errorLines(error, plan.json)) context.stderr.line(line);
  }
  if (first !== undefined) throw first;
}

/**
 * Has the device handed over by the process that serves it, if one does; the time without a server begins as late as it
 * can, with everything ready that needs no name. Resolves to the host.
 */
async function takeOver(context: Context, name: string, undo: Undo): Promise<Host> {
  const host = await context.startHost();
  undo.add('stopping the host', () => host.stop());
  try {
    await callControl(name, 'hand-over', {}, handOverTimeout);
  } catch (error) {
    if (!(error instanceof CausewayError && nobodyServes.has(error.code))) throw error;
  }
  const ends = context.now() + endTimeout;
  while (fs.existsSync(placesOf(name).lock) && isServed(name) && context.now() < ends) {
    await new Promise((resolve) => void context.after(5, () => resolve(null)));
  }
  return host;
}

function isServed(name: string): boolean {
  const record = readInstanceRecord(name);
  return record !== null && isAlive(record.owner);
}

class Serving {
  readonly #reporter: Reporter;
  readonly #context: Context;
  readonly #plan: ServePlan;
  readonly #undo: Undo;
  readonly #signals: Signals;
  readonly #host: Host | null;

  /** @param host one that is started already, and stopped by `undo` */
  constructor(context: Context, plan: ServePlan, undo: Undo, signals: Signals, host: Host | null) {
    this.#host = host;
    this.#context = context;
    this.#plan = plan;
    this.#undo = undo;
    this.#signals = signals;
    this.#reporter = this.#chooseReporter();
    undo.add('closing the output', () => this.#reporter.close());
  }

  async run(): Promise<void> {
    const start = new StartSignals(() => this.#reporter.starting('ending as soon as this step is done…'));
    this.#signals.onSignal = () => start.signal();
    const instance = await this.#start(start);
    const arrayEnd = new AbortController();
    const endArray = (): void => arrayEnd.abort();
    const arrayEnded = new Promise<void>((resolve) => {
      arrayEnd.signal.addEventListener('abort', () => resolve());
    });
    let asked = false;
    const methods = controlMethods(instance, version(), {
      end: endArray,
      detaching: () => (asked = true),
      crash: (error) => void this.#context.after(crashDelay, () => this.#context.crash(this.#plan.name, error)),
    });
    const control = await serveControl(placesOf(this.#plan.name).socket, methods);
    this.#undo.add('closing the control socket', () => control.close());
    start.check();

    const { attachment } = instance;
    const ending = attachment === null ? null : this.#makeEnding(attachment);
    this.#signals.onSignal = () => (ending === null ? endArray() : ending.signal());
    this.#reporter.ready(instance);
    if (this.#context.background) tellParent(instance);
    if (ending === null) {
      await arrayEnded;
      return;
    }
    const error = await ending.done;
    if (error !== null) throw error;
    if (ending.wasLost && !asked) {
      throw new CausewayError('device-lost', `the device ${this.#plan.name} went away without having been asked to`);
    }
  }

  /** Host, array, device: whatever of them the plan wants. */
  async #start(start: StartSignals): Promise<Instance> {
    const { name, kind, device, arrays, words } = this.#plan;
    // In the background it is changed once all is well.
    const directory = process.cwd();
    const since = new Date().toISOString();
    let board: PortBoard | null = null;
    if (arrays.length > 0) {
      this.#reporter.starting('starting the array…');
      const array = await start.step(this.#startArray(arrays));
      this.#undo.add('stopping the array', () => array.stop());
      board = new PortBoard(array, (port) => this.#reporter.event(portEvent(name, port)));
    }
    start.check();
    if (device === null) return { name, kind, attachment: null, board, since, words, directory };

    const host = this.#host ?? (await this.#startHost(start));
    host.onEvent((event) => this.#reporter.event(event));
    start.check();
    const urls = device.urls.length > 0 || board === null ? device.urls : [board.array.url];
    this.#reporter.starting(`attaching ${urls.join(' ')}…`);
    const attachment = await start.step(host.attach(urls, device.options));
    let gone = false;
    void attachment.gone.then(() => (gone = true));
    // Gone already at every end that was asked for; this is for what goes wrong in between.
    this.#undo.add('detaching the device', async () => {
      if (!gone) await attachment.detach({ force: true });
    });
    start.check();
    return { name, kind, attachment, board, since, words, directory };
  }

  async #startHost(start: StartSignals): Promise<Host> {
    this.#reporter.starting('starting the host…');
    const host = await start.step(this.#context.startHost());
    this.#undo.add('stopping the host', () => host.stop());
    return host;
  }

  async #startArray(choices: readonly ArrayOptions[]): Promise<ArrayHandle> {
    for (const [index, options] of choices.entries()) {
      try {
        return await this.#context.startArray(options);
      } catch (error) {
        const isTaken = error instanceof CausewayError && error.code === 'address-in-use';
        if (!isTaken || index === choices.length - 1) throw error;
      }
    }
    throw new CausewayError('assertion', 'no array was asked for');
  }

  #makeEnding(attachment: Attachment): Ending {
    const { name, grace, force } = this.#plan;
    const { device } = attachment.view();
    const inUse = (holders: ReportedEvent['holders'], message: string): void =>
      this.#reporter.event({
        at: new Date().toISOString(),
        event: 'in-use',
        device: name,
        message,
        holders: holders ?? [],
      });
    return new Ending(
      attachment,
      { grace, force },
      {
        inUse: (holders, left) =>
          inUse(
            holders,
            `${device} is in use: ${describeHolders(holders)}. It is served on, and goes as soon as they have gone ` +
              `(waiting ${formatDuration(left)}); a second signal forces it, and they get input/output errors.`,
          ),
        servingOn: (holders) =>
          inUse(
            holders,
            `${device} is still in use: ${describeHolders(holders)}. It goes on being served; a second signal forces ` +
              'it, and they get input/output errors.',
          ),
        slow: () => {
          const { waiting } = attachment.view().counters;
          const why = waiting > 0 ? ` (${counted(waiting, 'request')} wait: no path lives or has room)` : '';
          const message =
            `${device} is still being flushed${why}; a second signal ends it at once, ` +
            'and what was not written yet is lost.';
          this.#reporter.event({ at: new Date().toISOString(), event: 'note', device: name, message });
        },
        failed: (error) => this.#reporter.trouble(error),
      },
      {
        now: () => this.#context.now(),
        after: (milliseconds, callback) => void this.#context.after(milliseconds, callback).unref(),
      },
    );
  }

  #chooseReporter(): Reporter {
    const context = this.#context;
    if (this.#plan.json) return reportJson(context);
    const terminal = context.background ? null : context.openTerminal();
    if (terminal === null) return reportLines(context);
    return reportScreen(context, terminal, () => this.#signals.onSignal());
  }
}

function portEvent(name: string, port: PortView): ReportedEvent {
  const message = `port ${port.number} of the array (${port.address}:${port.port}) is ${port.state}`;
  return { at: new Date().toISOString(), event: 'port-state', device: name, message, port };
}

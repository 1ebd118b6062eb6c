/**
 * Serves one instance from start to end: takes the name, starts what is asked for, tells when it is usable, and takes
 * everything down again in the opposite order, whatever happened.
 */
import { CausewayError } from '../base/errors.ts';
import type { ArrayHandle, ArrayOptions } from '../demo/array-thread.ts';
import type { AttachOptions, Attachment } from '../host/contract.ts';
import { serveControl } from '../host/control-server.ts';
import { claimInstance } from '../host/instance-claim.ts';
import type { InstanceKind } from '../host/instance-record.ts';
import { placesOf } from '../host/runtime-dir.ts';
import { tellParent } from './background.ts';
import { type Context, version } from './context.ts';
import { controlMethods } from './control-methods.ts';
import { Ending } from './ending.ts';
import { codedError } from './exit-text.ts';
import type { Instance } from './instance.ts';
import { PortBoard, type PortView } from './port-board.ts';
import { reportJson } from './report-json.ts';
import { reportLines } from './report-lines.ts';
import { reportScreen } from './report-screen.ts';
import { describeHolders, type ReportedEvent, type Reporter } from './reporter.ts';
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
}

/** Longest wait for one step of the way down; each has a shorter bound of its own. Milliseconds. */
const stepTimeout = 60_000;

/** A way down that grows while the way up is gone. */
class Undo {
  readonly #steps: { readonly what: string; readonly work: () => Promise<void> | void }[] = [];

  add(what: string, work: () => Promise<void> | void): void {
    this.#steps.push({ what, work });
  }

  /** Undoes everything, the last first; what fails does not keep the rest from being undone. Never rejects. */
  async run(context: Context, trouble: (error: CausewayError) => void): Promise<void> {
    for (const { what, work } of this.#steps.toReversed()) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        const error = new CausewayError('control-timeout', `${what} took longer than ${stepTimeout / 1000} s`);
        timer = context.after(stepTimeout, () => reject(error));
      });
      try {
        await Promise.race([work(), late]);
      } catch (error) {
        trouble(codedError(error));
      }
      clearTimeout(timer);
    }
  }
}

/**
 * Signals before there is a device: the first ends the start after the step under way, which is bounded; a second one does
 * not wait for that either.
 */
class StartSignals {
  #count = 0;
  #interrupt: (error: CausewayError) => void = () => undefined;
  readonly #interrupted: Promise<never>;
  readonly #onFirst: () => void;

  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    this.#interrupted = new Promise((_resolve, reject) => (this.#interrupt = reject));
    this.#interrupted.catch(() => undefined);
  }

  signal(): void {
    this.#count += 1;
    if (this.#count === 1) this.#onFirst();
    else this.#interrupt(interrupted());
  }

  async step<T>(work: Promise<T>): Promise<T> {
    const result = await Promise.race([work, this.#interrupted]);
    return result;
  }

  /** Between two steps. @throws CausewayError `interrupted` */
  check(): void {
    if (this.#count > 0) throw interrupted();
  }
}

function interrupted(): CausewayError {
  return new CausewayError('interrupted', 'it was asked to end before it was ready');
}

/** Resolves when all is down again. @throws CausewayError whatever kept it from serving, or ended it */
export async function serve(context: Context, plan: ServePlan): Promise<void> {
  if (plan.device !== null && !context.mayMakeDevices) {
    throw new CausewayError('needs-root', 'a kernel device can be made by root only (CAP_SYS_ADMIN)');
  }
  const claim = claimInstance(plan.name, plan.kind, context.background);
  const undo = new Undo();
  undo.add('giving the name back', () => claim.release());
  const serving = new Serving(context, plan, undo);
  try {
    await serving.run();
  } finally {
    await undo.run(context, (error) => serving.reporter.trouble(error));
  }
}

class Serving {
  readonly reporter: Reporter;
  readonly #context: Context;
  readonly #plan: ServePlan;
  readonly #undo: Undo;
  #onSignal: () => void = () => undefined;

  constructor(context: Context, plan: ServePlan, undo: Undo) {
    this.#context = context;
    this.#plan = plan;
    this.#undo = undo;
    this.reporter = this.#chooseReporter();
    undo.add('closing the output', () => this.reporter.close());
    undo.add('leaving the signals alone', context.onEndSignal(() => this.#onSignal()));
  }

  async run(): Promise<void> {
    const start = new StartSignals(() => this.reporter.starting('ending as soon as this step is done…'));
    this.#onSignal = () => start.signal();
    const { instance, array } = await this.#start(start);
    let endArray = (): void => undefined;
    const arrayEnded = new Promise<void>((resolve) => (endArray = resolve));
    let asked = false;
    const methods = controlMethods(instance, version(), { end: endArray, detaching: () => (asked = true) });
    const control = await serveControl(placesOf(this.#plan.name).socket, methods);
    this.#undo.add('closing the control socket', () => control.close());
    start.check();

    const { attachment } = instance;
    const ending = attachment === null ? null : this.#makeEnding(attachment);
    this.#onSignal = () => (ending === null ? endArray() : ending.signal());
    this.reporter.ready(instance);
    if (this.#context.background) tellParent(instance);
    if (ending === null) {
      await arrayEnded;
      return;
    }
    const error = await ending.done;
    if (error !== null) throw error;
    if (ending.wasLost && !asked) {
      throw new CausewayError('device-lost', `the device ${this.#plan.name} was lost${array === null ? '' : ' to this process'}`);
    }
  }

  /** Host, array, device: whatever of them the plan wants. */
  async #start(start: StartSignals): Promise<{ instance: Instance; array: ArrayHandle | null }> {
    const { name, kind, device, arrays } = this.#plan;
    const context = this.#context;
    const since = new Date().toISOString();
    let board: PortBoard | null = null;
    if (arrays.length > 0) {
      this.reporter.starting('starting the array…');
      const array = await start.step(this.#startArray(arrays));
      this.#undo.add('stopping the array', () => array.stop());
      board = new PortBoard(array, (port) => this.reporter.event(portEvent(name, port)));
    }
    start.check();
    if (device === null) return { instance: { name, kind, attachment: null, board, since }, array: board?.array ?? null };

    this.reporter.starting('starting the host…');
    const host = await start.step(context.startHost());
    this.#undo.add('stopping the host', () => host.stop());
    host.onEvent((event) => this.reporter.event(event));
    start.check();
    const urls = device.urls.length > 0 || board === null ? device.urls : [board.array.url];
    this.reporter.starting(`attaching ${urls.join(' ')}…`);
    const attachment = await start.step(host.attach(urls, device.options));
    let gone = false;
    void attachment.gone.then(() => (gone = true));
    // Gone already at every end that was asked for; this is for what goes wrong in between.
    this.#undo.add('detaching the device', async () => {
      if (!gone) await attachment.detach({ force: true });
    });
    start.check();
    return { instance: { name, kind, attachment, board, since }, array: board?.array ?? null };
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
      this.reporter.event({ at: new Date().toISOString(), event: 'in-use', device: name, message, holders: holders ?? [] });
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
        failed: (error) => this.reporter.trouble(error),
      },
      { now: () => this.#context.now(), after: (milliseconds, callback) => void this.#context.after(milliseconds, callback).unref() },
    );
  }

  #chooseReporter(): Reporter {
    const context = this.#context;
    if (this.#plan.json) return reportJson(context);
    const terminal = context.background ? null : context.openTerminal();
    if (terminal === null) return reportLines(context);
    return reportScreen(context, terminal, () => this.#onSignal());
  }
}

function portEvent(name: string, port: PortView): ReportedEvent {
  const message = `port ${port.number} of the array (${port.address}:${port.port}) is ${port.state}`;
  return { at: new Date().toISOString(), event: 'port-state', device: name, message, port };
}

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
}

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
    const claim = claimInstance(plan.name, plan.kind, context.background);
    undo.add('giving the name back', () => claim.release());
    await new Serving(context, plan, undo, signals).run();
  } catch (error) {
    failure = codedError(error);
  }
  const [first, ...others] = [...(failure === null ? [] : [failure]), ...(await undo.run(context))];
  for (const error of others) {
    for (const line of errorLines(error, plan.json)) context.stderr.line(line);
  }
  if (first !== undefined) throw first;
}

class Serving {
  readonly #reporter: Reporter;
  readonly #context: Context;
  readonly #plan: ServePlan;
  readonly #undo: Undo;
  readonly #signals: Signals;

  constructor(context: Context, plan: ServePlan, undo: Undo, signals: Signals) {
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
    const methods = controlMethods(instance, version(), { end: endArray, detaching: () => (asked = true) });
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
    const { name, kind, device, arrays } = this.#plan;
    const context = this.#context;
    const since = new Date().toISOString();
    let board: PortBoard | null = null;
    if (arrays.length > 0) {
      this.#reporter.starting('starting the array…');
      const array = await start.step(this.#startArray(arrays));
      this.#undo.add('stopping the array', () => array.stop());
      board = new PortBoard(array, (port) => this.#reporter.event(portEvent(name, port)));
    }
    start.check();
    if (device === null) return { name, kind, attachment: null, board, since };

    this.#reporter.starting('starting the host…');
    const host = await start.step(context.startHost());
    this.#undo.add('stopping the host', () => host.stop());
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
    return { name, kind, attachment, board, since };
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

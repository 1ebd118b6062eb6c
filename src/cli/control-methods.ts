/** What other processes may ask of the instance that this process serves. Parameters come from outside: all are checked. */
import { CausewayError } from '../base/errors.ts';
import type { PortState } from '../demo/array-thread.ts';
import type { FilterReport } from '../filters/spec.ts';
import type { Attachment } from '../host/contract.ts';
import { checkedSettings } from '../host/live-policy.ts';
import { isRecord, type Params } from '../host/control-protocol.ts';
import type { ControlMethods } from '../host/control-server.ts';
import { type Instance, viewInstance } from './instance.ts';
import { findPath } from './path-id.ts';
import { answerAsData, nvmeCommand } from './nvme-command.ts';
import type { PortBoard } from './port-board.ts';

/** The longest report of one filter of one reactor, characters. */
const longestReport = 64 * 1024;

const portStates: Readonly<Record<string, PortState>> = { open: 'open', closed: 'closed', blackholed: 'blackholed' };

export interface EndWishes {
  /** Ends an instance that serves no device (an array), as a signal would. */
  end(): void;
  /** The device is going to end because it was asked for. */
  detaching(): void;
  /** It could not be handed over in order: the process has to end at once, as in a crash. */
  crash(error: unknown): void;
}

export function controlMethods(instance: Instance, version: string, wishes: EndWishes): ControlMethods {
  const device = (): Attachment => {
    if (instance.attachment !== null) return instance.attachment;
    throw new CausewayError('no-such-device', `${instance.name} is an array: it serves no device of its own`);
  };
  const board = (): PortBoard => {
    if (instance.board !== null) return instance.board;
    throw new CausewayError('no-such-port', `${instance.name} is a device: its array runs elsewhere`);
  };
  const pathOf = (params: Params): string => findPath(device().view(), textOf(params, 'path'));

  return new Map<string, (params: Params) => Promise<unknown>>([
    ['show', (params) => Promise.resolve(viewInstance(instance, version, params['statistics'] === true))],
    ['holders', () => device().holders()],
    ['filters', async () => (await device().filterReports()).map((reports) => reports.map(newestPart))],
    [
      'detach',
      async (params) => {
        if (instance.attachment === null) {
          wishes.end();
          return;
        }
        wishes.detaching();
        await instance.attachment.detach({ force: params['force'] === true });
      },
    ],
    [
      'hand-over',
      async () => {
        const attachment = device();
        wishes.detaching();
        try {
          await attachment.handOver();
        } catch (error) {
          if (!(error instanceof CausewayError && error.code === 'cannot-hand-over')) wishes.crash(error);
          throw error;
        }
      },
    ],
    ['path-fail', (params) => device().failPath(pathOf(params))],
    ['path-restore', (params) => device().restorePath(pathOf(params))],
    ['policy', () => Promise.resolve(device().policy())],
    [
      'policy-set',
      (params) => {
        const settings = params['settings'];
        if (!isRecord(settings)) throw new CausewayError('control-protocol', '"settings" is missing in what was asked');
        return device().setPolicy(checkedSettings(settings), { acceptStaleData: params['acceptStaleData'] === true });
      },
    ],
    ['path-add', async (params) => ({ path: await device().addPath(textOf(params, 'address')) })],
    ['path-remove', (params) => device().removePath(pathOf(params), { force: params['force'] === true })],
    ['fail-queued', () => device().failQueued()],
    [
      'nvme',
      async (params) => {
        const allowDangerous = params['allowDangerous'] === true;
        return answerAsData(await device().nvme(nvmeCommand(params), { allowDangerous }));
      },
    ],
    ['array-stats', () => board().array.stats()],
    [
      'array-port',
      async (params) => {
        const name = textOf(params, 'state');
        const state = Object.hasOwn(portStates, name) ? portStates[name] : undefined;
        if (state === undefined)
          throw new CausewayError('invalid-argument', `a port cannot be ${JSON.stringify(name)}`);
        await board().set(numberOf(params, 'port'), state);
      },
    ],
    [
      'array-fault',
      (params) => {
        const args: unknown = params['args'] ?? [];
        if (!Array.isArray(args) || !args.every(isPlain)) {
          throw new CausewayError(
            'invalid-argument',
            'the arguments of a fault are numbers, words, and lists of them by name',
          );
        }
        return board().array.fault(textOf(params, 'fault'), args);
      },
    ],
  ]);
}

/** A long trace is cut to its newest lines: an answer has a bound. */
function newestPart({ kind, text }: FilterReport): FilterReport {
  if (text.length <= longestReport) return { kind, text };
  return { kind, text: text.slice(text.indexOf('\n', text.length - longestReport) + 1) };
}

function textOf(params: Params, key: string): string {
  const value = params[key];
  if (typeof value === 'string' && value.length <= 256) return value;
  throw new CausewayError('control-protocol', `"${key}" is missing in what was asked, or is no short text`);
}

function numberOf(params: Params, key: string): number {
  const value = params[key];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new CausewayError('control-protocol', `"${key}" is missing in what was asked, or is no whole number`);
}

/** A number, text, truth value, nothing, or an object of those. */
function isPlain(value: unknown): boolean {
  if (isRecord(value)) return Object.values(value).every((inner) => !isRecord(inner) && isPlain(inner));
  return value === null || ['number', 'string', 'boolean'].includes(typeof value);
}

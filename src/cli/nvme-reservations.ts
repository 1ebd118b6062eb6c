/** `causeway nvme resv-…`: who may write to a volume that several hosts have. */
import type { Command } from 'commander';
import { ioOpcode } from '../fabric/nvme-tcp/constants.ts';
import {
  acquireAction,
  extendedData,
  ignoreExistingKey,
  keyBytes,
  readReservationStatus,
  registerAction,
  releaseAction,
  reservationDword,
  reservationTypes,
} from '../fabric/nvme-tcp/reservation.ts';
import type { Context } from './context.ts';
import { nvmeCommandOf, runNvme } from './nvme-command.ts';
import { needed, reservationKey, reservationType } from './nvme-options.ts';
import { show, type ShowOptions, viewOf } from './nvme-show.ts';
import { reservationText } from './nvme-text.ts';
import { oneOf } from './option-values.ts';
import { verb } from './verb.ts';

interface Options {
  readonly json?: boolean;
  readonly key?: bigint;
  readonly newKey?: bigint;
  readonly preemptKey?: bigint;
  readonly type?: number;
  readonly action?: string;
  readonly ignoreExistingKey?: boolean;
}

/** 63 registrants; a subsystem with more is asked with `passthru`. */
const reportBytes = 4096;

export function addReservations(
  nvme: Command,
  reading: (usage: string, description: string, examples: readonly string[]) => Command,
  context: Context,
): void {
  reading('resv-report <name>', 'the reservation of the volume and its registrants', [
    'causeway nvme resv-report db',
  ]).action(async (name: string, options: ShowOptions) => {
    const { data } = await runNvme(name, 'Reservation Report', {
      ...nvmeCommandOf({ queue: 'io', opcode: ioOpcode.reservationReport, bytes: reportBytes }),
      cdws: [reportBytes / 4 - 1, extendedData, 0, 0, 0, 0],
    });
    const status = readReservationStatus(viewOf(data), 0, data.byteLength);
    const value = (): object => ({
      ...status,
      type: reservationTypes[status.type],
      registrants: status.registrants.map((each) => ({ ...each, key: `0x${each.key.toString(16)}` })),
    });
    show(context, options, data, value, () => reservationText(status));
  });

  const keyed = (usage: string, description: string, examples: readonly string[]): Command =>
    verb(nvme, usage, description, examples).option(
      '--key <key>',
      'the key that this host is registered with',
      reservationKey('--key'),
    );

  keyed('resv-register <name>', 'register this host with a key, change the key, or take it back', [
    'causeway nvme resv-register db --new-key 0x4711',
    'causeway nvme resv-register db --key 0x4711 --action unregister',
  ])
    .option('--new-key <key>', 'the key from now on', reservationKey('--new-key'))
    .option(
      '--action <action>',
      'register, unregister or replace',
      oneOf('--action', ['register', 'unregister', 'replace']),
    )
    .option('--ignore-existing-key', 'whatever key this host is registered with')
    .action(async (name: string, options: Options) => {
      const word = options.action ?? 'register';
      const action = registerAction[word === 'unregister' || word === 'replace' ? word : 'register'];
      const newKey = action === registerAction.unregister ? 0n : needed('--new-key', options.newKey);
      const key = action === registerAction.register ? 0n : keyOf(options);
      await reserve(context, name, options, 'Reservation Register', ioOpcode.reservationRegister, {
        cdw10: action | (options.ignoreExistingKey === true ? ignoreExistingKey : 0),
        data: keyBytes(key, newKey),
      });
    });
  typed(
    keyed('resv-acquire <name>', 'take the reservation, or take it from another host', [
      'causeway nvme resv-acquire db --key 0x4711 --type write-exclusive',
      'causeway nvme resv-acquire db --key 0x4711 --preempt-key 0x815 --action preempt --type 1',
    ]),
  )
    .option('--preempt-key <key>', 'the key of those who lose it', reservationKey('--preempt-key'))
    .option(
      '--action <action>',
      'acquire, preempt or preempt-abort',
      oneOf('--action', ['acquire', 'preempt', 'preempt-abort']),
    )
    .action(async (name: string, options: Options) => {
      const actions: Readonly<Record<string, number>> = {
        acquire: acquireAction.acquire,
        preempt: acquireAction.preempt,
        'preempt-abort': acquireAction.preemptAndAbort,
      };
      const action = actions[options.action ?? 'acquire'] ?? acquireAction.acquire;
      const preempted = action === acquireAction.acquire ? 0n : needed('--preempt-key', options.preemptKey);
      await reserve(context, name, options, 'Reservation Acquire', ioOpcode.reservationAcquire, {
        cdw10: reservationDword(action, needed('--type', options.type), false),
        data: keyBytes(keyOf(options), preempted),
      });
    });
  typed(
    keyed('resv-release <name>', 'give the reservation back, or end it with all registrations', [
      'causeway nvme resv-release db --key 0x4711 --type write-exclusive',
      'causeway nvme resv-release db --key 0x4711 --action clear',
    ]),
  )
    .option('--action <action>', 'release or clear', oneOf('--action', ['release', 'clear']))
    .action(async (name: string, options: Options) => {
      const isClear = options.action === 'clear';
      const action = isClear ? releaseAction.clear : releaseAction.release;
      const type = isClear ? (options.type ?? 0) : needed('--type', options.type);
      await reserve(context, name, options, 'Reservation Release', ioOpcode.reservationRelease, {
        cdw10: reservationDword(action, type, false),
        data: keyBytes(keyOf(options)),
      });
    });
}

function typed(command: Command): Command {
  return command.option('--type <type>', `1 to 6: ${reservationTypes.slice(1).join(', ')}`, reservationType('--type'));
}

function keyOf({ key, ignoreExistingKey: ignoresKey }: Options): bigint {
  return ignoresKey === true ? (key ?? 0n) : needed('--key', key);
}

async function reserve(
  { stdout }: Context,
  name: string,
  options: Options,
  what: string,
  opcode: number,
  { cdw10, data }: { readonly cdw10: number; readonly data: Uint8Array },
): Promise<void> {
  const command = nvmeCommandOf({ queue: 'io', opcode, bytes: data.length, data });
  const { path } = await runNvme(name, what, { ...command, cdws: [cdw10, 0, 0, 0, 0, 0] });
  stdout.line(
    options.json === true ? JSON.stringify({ name, command: what, path }) : `${name}: ${what} is done (over ${path})`,
  );
}

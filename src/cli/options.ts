/** The options that several verbs have, and what they mean to the host. */
import type { Command, Option } from 'commander';
import type { AttachOptions } from '../host/contract.ts';
import { parseFilter } from '../filters/parse.ts';
import type { FilterSpec } from '../filters/spec.ts';
import { given, oneOf, seconds, withDefault, wholeNumber } from './option-values.ts';
import { addPolicyOptions, type PolicyOptions, policySettings } from './policy-options.ts';

/** How long holders may take to go, for every verb that ends a device. */
export function graceOption(): Option {
  const description = 'how long those who use the device may take to go';
  return withDefault('--grace <seconds>', description, seconds('--grace'), 10_000, '10');
}

function oneMoreFilter(text: string, before: readonly FilterSpec[] | undefined): readonly FilterSpec[] {
  return [...(before ?? []), parseFilter(text)];
}

/** What commander collects for `addDeviceOptions`. */
export interface DeviceOptions extends PolicyOptions {
  readonly kernelDevice?: 'auto' | 'ublk' | 'nbd' | 'fuse';
  readonly transport?: 'auto' | 'uring' | 'classic';
  readonly ioTimeout?: number;
  readonly tcpUserTimeout?: number;
  readonly reconnectFirst?: number;
  readonly reconnectLongest?: number;
  readonly keepAlive?: number;
  readonly quiesceTime?: number;
  readonly assumeSharedCache?: boolean;
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
  readonly queueSize?: number;
  readonly timeout?: number;
  readonly filter?: readonly FilterSpec[];
  readonly readOnly?: boolean;
  readonly companion?: boolean;
  readonly allowDangerousIoctls?: boolean;
  readonly hostNqn?: string;
  readonly hostId?: string;
  readonly dhchapSecretFile?: string;
  readonly dhchapCtrlSecretFile?: string;
}

/** Options of a device, for every verb that makes one. */
export function addDeviceOptions(command: Command): Command {
  command
    .option(
      '--kernel-device <kind>',
      'auto (the best that this host offers), ublk, nbd or fuse',
      oneOf('--kernel-device', ['auto', 'ublk', 'nbd', 'fuse']),
    )
    .option(
      '--transport <kind>',
      'how FUSE requests travel: auto, uring (fastest) or classic',
      oneOf('--transport', ['auto', 'uring', 'classic']),
    );
  command
    .option('--no-companion', 'make no node for NVMe ioctls, /dev/causeway/NAME-nvme')
    .option('--allow-dangerous-ioctls', 'let that node also send commands that disturb others or destroy data');
  return addPolicyOptions(command)
    .option(
      '--io-timeout <time>',
      'a command without an answer is called back; in vain, and its controller is reset',
      seconds('--io-timeout'),
    )
    .option(
      '--tcp-user-timeout <time>',
      'a path whose peer acknowledges nothing for so long is lost',
      seconds('--tcp-user-timeout'),
    )
    .option('--reconnect-first <time>', 'wait before a lost path is connected again', seconds('--reconnect-first'))
    .option(
      '--reconnect-longest <time>',
      'what that wait grows to; it is never the last',
      seconds('--reconnect-longest'),
    )
    .option('--keep-alive <time>', 'keep-alive timeout of controllers', seconds('--keep-alive'))
    .option(
      '--quiesce-time <time>',
      'bound for what a lost controller may still do, where the array reports none',
      seconds('--quiesce-time'),
    )
    .option('--assume-shared-cache', 'the controllers share their volatile cache: none of it is lost with a path')
    .option('--header-digest', 'protect protocol headers by CRC32C')
    .option('--data-digest', 'protect data on the wire by CRC32C')
    .option('--queue-size <n>', 'entries of an I/O queue', wholeNumber('--queue-size', 2, 1024))
    .option('--timeout <time>', 'how long to try to connect before giving up', seconds('--timeout'))
    .option(
      '--filter <filter>',
      'put a filter before the device: delay, error, stats or trace, such as delay=read:5ms (docs/filters/);\n' +
        'may be given several times, the first sees a request first',
      oneMoreFilter,
    );
}

/** The host's options from the words of the command line; what was not said is left to the host. */
export function attachOptions(name: string, options: DeviceOptions): AttachOptions {
  return {
    name,
    ...policySettings(options),
    ...given({
      kernelDevice: options.kernelDevice,
      fuseTransport: options.transport,
      ioTimeout: options.ioTimeout,
      tcpUserTimeout: options.tcpUserTimeout,
      reconnectFirst: options.reconnectFirst,
      reconnectLongest: options.reconnectLongest,
      keepAlive: options.keepAlive,
      quiesceTime: options.quiesceTime,
      assumeSharedCache: options.assumeSharedCache,
      headerDigest: options.headerDigest,
      dataDigest: options.dataDigest,
      queueSize: options.queueSize,
      timeout: options.timeout,
      filters: options.filter,
      readOnly: options.readOnly,
      // Commander says that a `--no-` option was not given by `true`.
      companion: options.companion === false ? false : undefined,
      allowDangerousIoctls: options.allowDangerousIoctls,
      hostNqn: options.hostNqn,
      hostId: options.hostId,
      dhchapSecretFile: options.dhchapSecretFile,
      dhchapCtrlSecretFile: options.dhchapCtrlSecretFile,
    }),
  };
}

/** Who this host is towards arrays, and what it proves that with, for the verbs that speak to one. */
export function addHostOptions(command: Command): Command {
  return command
    .option('--host-nqn <nqn>', 'name of this host towards the array; that of /etc/nvme when left out')
    .option('--host-id <uuid>', 'identifier of this host towards the array')
    .option(
      '--dhchap-secret-file <file>',
      'a file with the secret of this host, where the array wants it to authenticate;\n' +
        'nobody else may read it (`causeway gen-dhchap-key` makes one)',
    )
    .option('--dhchap-ctrl-secret-file <file>', "a file with the array's secret: it has to prove itself too");
}

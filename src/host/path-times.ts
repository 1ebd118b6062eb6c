/** Time-outs of paths: from what the user said to what associations take, refused where they make no sense. */
import { CausewayError } from '../base/errors.ts';
import { formatDuration } from '../base/units.ts';
import { associationDefaults, type AssociationOptions } from '../fabric/nvme-tcp/association-options.ts';
import type { AttachOptions } from './contract.ts';

/**
 * Least values, milliseconds: below them what is waited for can not come in time, or an address that refuses connections
 * would be asked without pause.
 */
const least = { keepAlive: 100, ioTimeout: 100, tcpUserTimeout: 100, reconnect: 10 } as const;
const longest = 24 * 3_600_000;

type Times = Pick<
  AssociationOptions,
  'katoMs' | 'ioTimeoutMs' | 'userTimeoutMs' | 'quiesceMs' | 'reconnectFirstMs' | 'reconnectLongestMs'
>;

/** What was said, and nothing of the rest. @throws CausewayError `invalid-argument` */
export function pathTimes(options: AttachOptions): Times {
  const { keepAlive, ioTimeout, tcpUserTimeout, quiesceTime, reconnectFirst, reconnectLongest } = options;
  return {
    ...(keepAlive === undefined ? {} : { katoMs: checked('the keep-alive timeout', keepAlive, least.keepAlive) }),
    ...(ioTimeout === undefined ? {} : { ioTimeoutMs: checkedOrNone('the I/O timeout', ioTimeout, least.ioTimeout) }),
    ...(tcpUserTimeout === undefined
      ? {}
      : { userTimeoutMs: checkedOrNone('the TCP user timeout', tcpUserTimeout, least.tcpUserTimeout) }),
    ...(quiesceTime === undefined ? {} : { quiesceMs: checked('the quiesce time', quiesceTime, 0) }),
    ...reconnectTimes(reconnectFirst, reconnectLongest),
  };
}

/** Where only one of them is given, the other keeps its default, unless that would turn the two around. */
function reconnectTimes(
  first: number | undefined,
  last: number | undefined,
): Pick<Times, 'reconnectFirstMs' | 'reconnectLongestMs'> {
  if (first === undefined && last === undefined) return {};
  const { reconnectFirstMs, reconnectLongestMs } = associationDefaults;
  const begin = checked(
    'the first wait before connecting again',
    first ?? Math.min(reconnectFirstMs, last ?? reconnectFirstMs),
    least.reconnect,
  );
  const end = checked('the longest wait before connecting again', last ?? Math.max(reconnectLongestMs, begin), begin);
  return { reconnectFirstMs: begin, reconnectLongestMs: end };
}

function checkedOrNone(name: string, value: number, lowest: number): number {
  return value === 0 ? 0 : checked(name, value, lowest, 'none (0), or ');
}

function checked(name: string, value: number, lowest: number, besides = ''): number {
  if (value >= lowest && value <= longest) return Math.round(value);
  const [from, to, is] = [lowest, longest, value].map(formatDuration);
  throw new CausewayError('invalid-argument', `${name} is ${is}; it is ${besides}from ${from} to ${to}`);
}

/** Time-outs and delays of a device and of its paths, in words. */
import { formatDuration } from '../base/units.ts';
import type { DeviceDelays, PathDelays, PathView } from '../host/view.ts';

export function timeoutsText(asked: DeviceDelays, paths: readonly PathView[]): string {
  const { ioTimeout, abortGrace, tcpUserTimeout } = asked;
  const io =
    ioTimeout === 0
      ? 'none for I/O'
      : `I/O ${formatDuration(ioTimeout)}, then Abort, ${formatDuration(abortGrace)} later a reset`;
  const tcp =
    tcpUserTimeout === 0
      ? 'TCP as the kernel likes'
      : `TCP ${formatDuration(tcpUserTimeout)} without an acknowledgement`;
  const ana = distinct(paths.map(({ delays }) => delays.anaTransition)).map(formatDuration);
  const transition = ana.length === 0 ? '' : `; ANA transition ${ana.join(', ')}`;
  return `${io}; keep-alive ${keepAliveText(asked, paths)}; ${tcp}${transition}`;
}

/** Controllers count in steps of their own, so that theirs may be longer. */
function keepAliveText({ keepAlive }: DeviceDelays, paths: readonly PathView[]): string {
  const known = distinct(paths.map(({ delays }) => delays.keepAlive));
  const taken = known.map(formatDuration).join(', ');
  const asked = formatDuration(keepAlive);
  return taken === '' || taken === asked ? asked : `${asked} (the array makes it ${taken})`;
}

export function reconnectText({ reconnectFirst, reconnectLongest }: DeviceDelays): string {
  return `after ${formatDuration(reconnectFirst)}, later every ${formatDuration(reconnectLongest)} at most, for ever`;
}

/** How long after its loss a controller may still execute something; '' while nothing is known of any. */
export function fenceTimeText(paths: readonly PathView[]): string {
  const times = distinct(paths.map(({ delays }) => delays.fence));
  if (times.length === 0) return '';
  const assumed = paths.some(({ delays }) => delays.isFenceAssumed) ? ' (assumed, not guaranteed)' : '';
  return `${times.map(formatDuration).join(', ')} after a loss at the latest${assumed}`;
}

/** ` (again in 3 s)` for a path that waits to be connected. */
export function attemptText({ nextAttempt }: PathDelays): string {
  return nextAttempt < 0 ? '' : ` (again in ${formatDuration(nextAttempt)})`;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].filter((value) => value > 0).toSorted((one, other) => one - other);
}

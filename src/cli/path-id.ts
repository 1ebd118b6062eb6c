/** Which path is meant: its id in full, its address if that is enough, or its place in the list. */
import { CausewayError } from '../base/errors.ts';
import type { DeviceView } from '../host/view.ts';

/** @throws CausewayError `no-such-path` */
export function findPath(view: DeviceView, text: string): string {
  const ids = view.paths.map((path) => path.id);
  if (ids.includes(text)) return text;
  const byAddress = ids.filter((id) => id.slice(0, id.lastIndexOf(':')) === text);
  if (byAddress.length === 1 && byAddress[0] !== undefined) return byAddress[0];
  const byNumber = /^[1-9]\d?$/.test(text) ? ids[Number(text) - 1] : undefined;
  if (byNumber !== undefined) return byNumber;
  const problem = byAddress.length > 1 ? 'more than one path' : 'no path';
  throw new CausewayError(
    'no-such-path',
    `${view.name} has ${problem} ${JSON.stringify(text)}; it has ${ids.join(', ')}`,
  );
}

import type { Identity } from '../../src/block/device.ts';
import type { ToReactor } from '../../src/fabric/nvme-tcp/messages.ts';
import { FabricReactor } from '../../src/fabric/nvme-tcp/reactor-side.ts';
import { replace } from '../replace.ts';

/** A reactor goes on believing the first identity it heard of: it does not see that an address leads elsewhere now. */
export function keepStalePaths(): () => void {
  const first = new WeakMap<FabricReactor, Map<string, Identity>>();
  const asBefore = (reactor: FabricReactor, message: ToReactor): ToReactor => {
    if (message.kind !== 'set-paths') return message;
    const known = first.get(reactor) ?? new Map<string, Identity>();
    first.set(reactor, known);
    const paths = message.paths.map((info) => {
      const key = `${message.association}/${info.nsid}`;
      const identity = known.get(key) ?? info.identity;
      known.set(key, identity);
      return { ...info, identity };
    });
    return { ...message, paths };
  };
  return replace(
    FabricReactor.prototype,
    'onMessage',
    (onMessage) =>
      function stale(this: FabricReactor, message: ToReactor) {
        onMessage.call(this, asBefore(this, message));
      },
  );
}

/** How a serving process tells what goes on: as JSON lines, as lines for people, or on a screen. */
import type { CausewayError } from '../base/errors.ts';
import type { HolderView, HostEvent } from '../host/view.ts';
import type { Instance } from './instance.ts';
import type { PortView } from './port-board.ts';

/** What the host tells, and what is known here only: holders by name, and ports of an array that runs in this process. */
export interface ReportedEvent extends Omit<HostEvent, 'event'> {
  readonly event: HostEvent['event'] | 'port-state';
  readonly holders?: readonly HolderView[];
  readonly port?: PortView;
}

export interface Reporter {
  /** A step on the way to `ready`. */
  starting(message: string): void;
  /** Usable from now on. */
  ready(instance: Instance): void;
  event(event: ReportedEvent): void;
  /** An error that does not end the process. */
  trouble(error: CausewayError): void;
  /** Nothing is told any more but what ends the process; the terminal is as it was before. */
  close(): void;
}

/** `fio (pid 4711), mounted on /srv`. */
export function describeHolders(holders: readonly HolderView[]): string {
  const words = holders.map((holder) => {
    switch (holder.kind) {
      case 'process':
        return `${holder.name} (pid ${holder.pid ?? '?'})`;
      case 'mount':
        return `mounted on ${holder.name}`;
      case 'swap':
        return `swap on ${holder.name}`;
      case 'device':
        return `device ${holder.name}`;
    }
  });
  return words.length === 0 ? 'somebody who cannot be named' : words.join(', ');
}

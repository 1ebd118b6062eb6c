/** How a serving process tells what goes on: as JSON lines, as lines for people, or on a screen. */
import { CausewayError } from '../base/errors.ts';
import type { HolderView, HostEvent } from '../host/view.ts';
import type { Instance } from './instance.ts';

/** An event with the holders that it speaks of, where it does. */
export interface ReportedEvent extends HostEvent {
  readonly holders?: readonly HolderView[];
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

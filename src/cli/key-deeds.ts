/** What keys do to a served instance. */
import type { CausewayError } from '../base/errors.ts';
import { codedError } from './exit-text.ts';
import type { Instance } from './instance.ts';
import { KeyReader, type Wish } from './keys.ts';
import type { Terminal } from './terminal.ts';

export interface KeyOutcome {
  /** q, or Ctrl-C. */
  end(): void;
  /** Something is to be seen that was not before. */
  changed(): void;
  trouble(error: CausewayError): void;
}

export interface KeyDeeds {
  /** What the keys do now, in one line. */
  readonly help: string;
}

/** Null if the keyboard is not ours. */
export function watchKeys(terminal: Terminal, instance: Instance, outcome: KeyOutcome): KeyDeeds | null {
  const reader = new KeyReader();
  const listening = terminal.onKeys((typed) => {
    for (const wish of reader.read(typed)) {
      if (wish.kind === 'quit') outcome.end();
      else fulfil(instance, wish).catch((error: unknown) => outcome.trouble(codedError(error)));
    }
    outcome.changed();
  });
  if (!listening) return null;
  return {
    get help() {
      return helpFor(instance, reader.pending);
    },
  };
}

/** Numbers are those of the paths on the screen; where there is no device they are the ports'. */
async function fulfil(instance: Instance, wish: Exclude<Wish, { kind: 'quit' }>): Promise<void> {
  const { attachment, board } = instance;
  const path = attachment?.view().paths[wish.number - 1]?.id;
  switch (wish.kind) {
    case 'fail':
      if (path !== undefined) await attachment?.failPath(path);
      return;
    case 'restore':
      if (path !== undefined) await attachment?.restorePath(path);
      return;
    case 'port':
    case 'blackhole': {
      const number = path === undefined || board === null ? wish.number : board.numberOf(path);
      if (number !== null) await board?.toggle(number, wish.kind === 'port' ? 'closed' : 'blackholed');
    }
  }
}

function helpFor(instance: Instance, pending: KeyReader['pending']): string {
  const count = instance.attachment?.view().paths.length ?? instance.board?.array.ports.length ?? 0;
  const numbers = count > 1 ? `1–${Math.min(9, count)}` : '1';
  if (pending !== null) return `${pending} which path? ${numbers}`;
  const keys: string[] = [];
  if (instance.board !== null) keys.push(`${numbers} pull or plug a port`);
  if (instance.attachment !== null) keys.push('f fail a path', 'r restore it');
  if (instance.board !== null) keys.push('b blackhole a port');
  return [...keys, 'q quit'].join('  ');
}

/**
 * The terminal, for a screen that is redrawn in place: its own screen buffer, only lines that changed, and everything as
 * it was before when it is closed, however the process ends (terminal-guard.ts). A terminal that takes nothing (a stalled
 * connection) is not waited for: the next frame goes out when it takes text again.
 */
import fs from 'node:fs';
import { type Line, render } from './style.ts';
import { startGuard } from './terminal-guard.ts';

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Shows these lines, from the top; rows that are left are blank. */
  draw(lines: readonly Line[]): void;
  /** Calls `listener` with what is typed, unaltered and not echoed, if stdin is this terminal. False if it is not. */
  onKeys(listener: (typed: string) => void): boolean;
  onResize(listener: () => void): void;
  /** Gives the terminal back. More than one call does nothing. */
  close(): void;
}

// xterm's control sequences (ctlseqs): alternate screen, cursor, synchronized output (ignored where unknown).
const enterScreen = '\u001b[?1049h\u001b[?25l\u001b[2J';
export const leaveScreen = '\u001b[?2026l\u001b[0m\u001b[?25h\u001b[?1049l';
const beginFrame = '\u001b[?2026h';
const endFrame = '\u001b[?2026l';

/** What turns the lines of the last frame into those of the next one. */
export function frameOf(last: readonly string[], next: readonly string[]): string {
  let text = '';
  const rows = Math.max(last.length, next.length);
  for (let row = 0; row < rows; row += 1) {
    const line = next[row] ?? '';
    if (line === (last[row] ?? '')) continue;
    // To the row, the new text, and clear what the old one had beyond it.
    text += `\u001b[${row + 1};1H${line}\u001b[K`;
  }
  return text === '' ? '' : `${beginFrame}${text}${endFrame}`;
}

/** Colours, unless the user asked for none (no-color.org). */
function wantsColor(): boolean {
  const no = process.env['NO_COLOR'];
  return no === undefined || no === '';
}

/** True if this process may read and set the terminal: otherwise the kernel would stop it (SIGTTIN, SIGTTOU). */
function inForeground(): boolean {
  try {
    const text = fs.readFileSync('/proc/self/stat', 'utf8');
    // Fields 5 (pgrp) and 8 (tpgid) of proc_pid_stat(5), counted from the third, behind the name.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[2] === fields[5];
  } catch {
    return false;
  }
}

class RealTerminal implements Terminal {
  readonly #fd: number;
  readonly #color = wantsColor();
  readonly #endGuard: () => void;
  readonly #onExit = (): void => this.close();
  #shown: readonly string[] = [];
  /** What the terminal did not take yet: half an escape sequence must not stay half. */
  #unwritten: Buffer = Buffer.alloc(0);
  #keys: ((bytes: Buffer) => void) | null = null;
  #resize: (() => void) | null = null;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#endGuard = startGuard(fd, leaveScreen);
    process.on('exit', this.#onExit);
    this.#write(enterScreen);
  }

  get columns(): number {
    return process.stdout.columns > 0 ? process.stdout.columns : 80;
  }

  get rows(): number {
    return process.stdout.rows > 0 ? process.stdout.rows : 24;
  }

  draw(lines: readonly Line[]): void {
    if (this.#closed || !this.#write('')) return;
    const next = lines.map((line) => render(line, this.#color));
    const frame = frameOf(this.#shown, next);
    this.#shown = next;
    if (frame !== '') this.#write(frame);
  }

  onKeys(listener: (typed: string) => void): boolean {
    if (!process.stdin.isTTY) return false;
    this.#keys = (bytes) => listener(bytes.toString('latin1'));
    process.stdin.on('error', () => undefined);
    process.stdin.setRawMode(true);
    process.stdin.on('data', this.#keys);
    return true;
  }

  onResize(listener: () => void): void {
    this.#resize = () => {
      // A terminal moves lines about when its size changes: nothing of the last frame can be relied on.
      this.#shown = [];
      this.#write('\u001b[2J');
      listener();
    };
    process.stdout.on('resize', this.#resize);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#onExit);
    if (this.#resize !== null) process.stdout.off('resize', this.#resize);
    if (this.#keys !== null) {
      process.stdin.off('data', this.#keys);
      try {
        process.stdin.setRawMode(false);
      } catch {
        // EIO: the terminal is gone.
      }
      process.stdin.pause();
      process.stdin.unref();
    }
    this.#write(leaveScreen);
    this.#endGuard();
    if (this.#fd !== process.stdout.fd) fs.closeSync(this.#fd);
  }

  /** Writes what waits and `text`, as far as the terminal takes it; true if it took all. */
  #write(text: string): boolean {
    this.#unwritten = Buffer.concat([this.#unwritten, Buffer.from(text)]);
    try {
      while (this.#unwritten.length > 0) {
        this.#unwritten = this.#unwritten.subarray(fs.writeSync(this.#fd, this.#unwritten));
      }
    } catch {
      // EAGAIN: it takes nothing now. EIO: it is gone, and SIGHUP tells what to do about that.
    }
    return this.#unwritten.length === 0;
  }
}

/**
 * A descriptor of the terminal that does not wait. It is opened anew, because not to wait is a property of the open file,
 * which the shell shares with us; where that is not allowed (it belongs to the user before `su`), stdout has to do.
 */
function openAnew(): number {
  try {
    const flags = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY;
    return fs.openSync('/proc/self/fd/1', flags);
  } catch {
    return process.stdout.fd;
  }
}

/** The terminal at stdout; null if there is none, it cannot do more than print, or belongs to another program now. */
export function openTerminal(): Terminal | null {
  const { isTTY } = process.stdout;
  const kind = process.env['TERM'] ?? '';
  if (!isTTY || kind === '' || kind === 'dumb' || !inForeground()) return null;
  return new RealTerminal(openAnew());
}

/** What a guest is given, and how the command line says it. */
import { isKernelName, type KernelName, kernelNames } from './kernels.ts';

export interface Forward {
  /** Port on 127.0.0.1 of the host. */
  readonly host: number;
  /** Port of the guest it leads to; a server there listens on 0.0.0.0 or 10.0.2.15. */
  readonly guest: number;
}

export interface GuestOptions {
  readonly kernel: KernelName;
  /** The program, found over PATH, and its arguments. It runs in the current folder, which has to be the same inside. */
  readonly program: readonly string[];
  /** How long the program may take, once it runs. The boot has a bound of its own. */
  readonly seconds: number;
  readonly memoryMiB?: number;
  readonly cpus?: number;
  readonly forward?: readonly Forward[];
}

export const DEFAULTS = { kernel: '6.12', seconds: 600, memoryMiB: 3072, cpus: 2 } as const;

export const USAGE = `usage: run.js [option …] -- COMMAND [ARGUMENT …]
       run.js --fetch

Boots a Debian kernel in QEMU, runs COMMAND in it as the only job, with this host's root below a tmpfs, prints what it
prints and ends with its exit code; 124: its time was over; 125: the guest gave no result.

  --kernel NAME        ${kernelNames.join(', ')} (default: ${DEFAULTS.kernel})
  --seconds N          how long COMMAND may take (default: ${DEFAULTS.seconds})
  --memory MiB         (default: ${DEFAULTS.memoryMiB})
  --cpus N             (default: ${DEFAULTS.cpus})
  --forward HOST:GUEST leads a port on 127.0.0.1 to one of the guest; may be given several times
  --console            print the guest's kernel messages at the end, on stderr
  --fetch              only fetch the kernels that are missing
`;

export type CommandLine =
  | { readonly what: 'run'; readonly guest: GuestOptions; readonly printConsole: boolean }
  | { readonly what: 'fetch' }
  | { readonly what: 'help' };

/** Throws a TypeError that says what is wrong with the arguments. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const end = args.indexOf('--');
  const rest = args.slice(0, end < 0 ? args.length : end);
  const program = end < 0 ? [] : args.slice(end + 1);
  const forward: Forward[] = [];
  const guest: { -readonly [Key in keyof GuestOptions]: GuestOptions[Key] } = { ...DEFAULTS, forward, program };
  let printConsole = false;
  while (rest.length > 0) {
    const option = rest.shift() ?? '';
    const value = (): string => {
      const text = rest.shift();
      if (text === undefined) throw new TypeError(`${option} needs a value`);
      return text;
    };
    if (option === '--help' || option === '-h') return { what: 'help' };
    if (option === '--fetch') return { what: 'fetch' };
    if (option === '--console') printConsole = true;
    else if (option === '--kernel') guest.kernel = kernelOf(value());
    else if (option === '--seconds') guest.seconds = numberOf(option, value(), 86_400);
    else if (option === '--memory') guest.memoryMiB = numberOf(option, value(), 1_048_576);
    else if (option === '--cpus') guest.cpus = numberOf(option, value(), 64);
    else if (option === '--forward') forward.push(forwardOf(value()));
    else throw new TypeError(`unknown option ${option}; the command comes after --`);
  }
  if (program.length === 0) throw new TypeError('no command; it comes after --');
  return { what: 'run', guest, printConsole };
}

function kernelOf(text: string): KernelName {
  if (!isKernelName(text)) throw new TypeError(`unknown kernel ${text}: one of ${kernelNames.join(', ')}`);
  return text;
}

function forwardOf(text: string): Forward {
  const [host, guest] = /^(\d+):(\d+)$/.exec(text)?.slice(1) ?? [];
  if (host === undefined || guest === undefined) throw new TypeError(`--forward ${text}: HOST:GUEST, two ports`);
  return { host: numberOf('--forward', host, 65_535), guest: numberOf('--forward', guest, 65_535) };
}

function numberOf(option: string, text: string, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new TypeError(`${option} ${text}: a whole number from 1 to ${most}`);
  return number;
}

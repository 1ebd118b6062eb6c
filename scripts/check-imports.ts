/**
 * Proves the order of the rooms: imports point only downwards, only `native` touches the FFI, nothing above `io` asks
 * Node for time, sockets or randomness, and every room has a sentence at its door.
 */
import { posix } from 'node:path';
import { listFiles, readFiles, reportIfMain, type SourceFile } from './repository.ts';

/** From the bottom to the top. A room may import itself and what stands before it. */
const ROOMS = [
  'base',
  'native',
  'uring',
  'io',
  'block',
  'filters',
  'fabric',
  'multipath',
  'kernel',
  'host',
  'array',
  'demo',
  'library',
  'daemon',
  'cli',
];

/** Rooms that see less than the order would allow them. */
const NARROWED: { readonly room: string; readonly mayImport: readonly string[]; readonly because: string }[] = [
  {
    room: 'array',
    mayImport: ['base', 'io', 'block', 'filters', 'fabric'],
    because: 'the array stands for a machine of its own: it shares codecs with the initiator, and nothing of the host',
  },
];

/** Rooms whose code runs on a reactor, on either body of the contract. */
const ON_THE_CONTRACT = ['block', 'filters', 'fabric', 'multipath', 'kernel', 'array'];
const ABOVE_IO = [...ON_THE_CONTRACT, 'host', 'daemon', 'cli'];

interface Ban {
  readonly rooms: readonly string[];
  /** An imported module, or a piece of code. */
  readonly module?: RegExp;
  readonly code?: RegExp;
  readonly because: string;
}

const BANS: readonly Ban[] = [
  {
    rooms: ROOMS.filter((room) => room !== 'native'),
    module: /^koffi(\/|$)/,
    because: 'only src/native imports the FFI, so that it can be replaced in one place',
  },
  {
    rooms: ['array'],
    module: /\/fabric\/nvme-tcp\/(nvme-path|admin-queue|queue-pair|command-queue|command-slot|controller)\.ts/,
    because: 'the array shares codecs and the connection with the initiator, not what makes it an initiator',
  },
  {
    rooms: ABOVE_IO,
    module: /^(node:)?(net|tls|dgram|http|https|http2)$/,
    because: 'sockets come from the io contract, so that the simulator can break them',
  },
  {
    rooms: ON_THE_CONTRACT,
    module: /^(node:)?(timers(\/promises)?|perf_hooks)$/,
    because: 'time comes from the io contract, so that the simulator can turn the clock',
  },
  {
    rooms: ON_THE_CONTRACT,
    code: /\b(Date\.now|new Date\(\)|performance\.now|process\.hrtime|setTimeout|setInterval|setImmediate)\b/,
    because: 'time comes from the io contract, so that the simulator can turn the clock',
  },
  {
    rooms: ROOMS,
    code: /\bMath\.random\b/,
    because: 'random numbers are seeded (base/random.ts), so that a failure can be replayed',
  },
  {
    rooms: ON_THE_CONTRACT,
    code: /\b(randomBytes|randomUUID|randomInt|randomFillSync|getRandomValues)\b/,
    because: 'random numbers come from the io contract, so that a failure can be replayed',
  },
  {
    rooms: ROOMS,
    code: /\bprocess\.exit\(|\.terminate\(\)/,
    because: 'it hangs or aborts while a reactor sits in a system call: ask, drain, set process.exitCode',
  },
];

/** Places where a ban does not hold. Each needs its reason. */
const EXCEPTIONS: { readonly path: RegExp; readonly what: RegExp; readonly because: string }[] = [
  {
    path: /^src\/(host|daemon|cli)\/control[a-z-]*\.ts$/,
    what: /^(node:)?net$/,
    because: 'the control socket is a UNIX socket on the main thread',
  },
];

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")/g;
const IMPORT = /\b(?:from|import)\s*\(?\s*['"]([^'"\n]+)['"]/g;

function withoutComments(text: string): string {
  return text.replace(COMMENT_OR_STRING, (_, kept: string | undefined) => kept ?? ' ');
}

/** The room of a path below src/; null for what stands in src/ itself (the public library, above all rooms). */
function roomOf(path: string): string | null {
  const [, room, rest] = path.split('/');
  return rest === undefined || room === undefined ? null : room;
}

function mayImport(from: string, to: string): string | null {
  const narrowed = NARROWED.find((row) => row.room === from);
  if (from === to || (narrowed !== undefined && narrowed.mayImport.includes(to))) return null;
  if (narrowed !== undefined) return narrowed.because;
  return ROOMS.indexOf(to) < ROOMS.indexOf(from) ? null : 'imports point only downwards';
}

function checkFile(file: SourceFile): string[] {
  const room = roomOf(file.path);
  if (room === null) return [];
  const code = withoutComments(file.text);
  const modules = [...code.matchAll(IMPORT)].map((match) => match[1] ?? '');
  const findings: string[] = [];

  for (const module of modules.filter((name) => name.startsWith('.'))) {
    const target = posix.join(posix.dirname(file.path), module);
    if (!target.startsWith('src/')) {
      findings.push(`${file.path}: imports ${target}: the program does not need what stands outside src/`);
      continue;
    }
    const to = roomOf(target);
    const objection = to === null ? 'the public library stands above all rooms' : mayImport(room, to);
    if (objection !== null) findings.push(`${file.path}: imports ${target}: ${objection}`);
  }

  for (const ban of BANS.filter((row) => row.rooms.includes(room))) {
    const met = modules.filter((name) => ban.module?.test(name) ?? false);
    const used = ban.code?.exec(code)?.[0];
    if (used !== undefined) met.push(used);
    for (const what of met) {
      const allowed = EXCEPTIONS.some((row) => row.path.test(file.path) && row.what.test(what));
      if (!allowed) findings.push(`${file.path}: uses ${what}: ${ban.because}`);
    }
  }
  return findings;
}

/** The door of a room: a heading, then one sentence or two. */
function checkDoor(room: string, files: readonly SourceFile[]): string[] {
  if (!ROOMS.includes(room)) return [`src/${room}: is not a room of the house; the list stands in check-imports.ts`];
  const door = files.find((file) => file.path === `src/${room}/README.md`);
  if (door === undefined) return [`src/${room}: has no README.md that says what lives here`];
  return /^# \S.*\n\n\S.*\./.test(door.text) ? [] : [`${door.path}: begins with a heading and one sentence`];
}

/** What is wrong with these files, one line each; paths are relative to the root. Tests may import what they like. */
export function checkImports(files: readonly SourceFile[]): string[] {
  const inSrc = files.filter((file) => file.path.startsWith('src/'));
  const rooms = new Set(inSrc.map((file) => roomOf(file.path)).filter((room) => room !== null));
  const code = inSrc.filter((file) => file.path.endsWith('.ts') && !/\.test(\.support)?\.ts$/.test(file.path));
  return [...[...rooms].flatMap((room) => checkDoor(room, inSrc)), ...code.flatMap(checkFile)];
}

reportIfMain(import.meta.url, () => checkImports(readFiles(listFiles('src'))));

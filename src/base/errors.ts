/**
 * The one table of coded errors: everything that can go wrong for a user has a stable code here, with a
 * hint that says what to do and the exit code with which the command line ends.
 */

/** Exit codes of the command line. 0 is success; shells and systemd use 126 and above themselves. */
export const EXIT = {
  /** Something failed that no other class names. */
  failure: 1,
  /** The command was typed wrongly: unknown option, malformed URL or size. */
  usage: 2,
  /** This host lacks something: rights, a kernel feature, a module, a program. */
  host: 3,
  /** The array cannot be reached, or what answers there does not speak the protocol. */
  unreachable: 4,
  /** The array answered and said no: unknown subsystem or namespace, not permitted, unsupported format. */
  refused: 5,
  /** It is already there, or in use: a name that is taken, a device with holders. */
  busy: 6,
  /** What was named does not exist on this host. */
  notFound: 7,
} as const;

export interface ErrorRow {
  /** What the reader can do about it, as one sentence. */
  readonly hint: string;
  /** Exit code of the command line, one of EXIT. */
  readonly exit: number;
  /** True if the same request may safely be sent again over another path. */
  readonly retryElsewhere: boolean;
}

function row(exit: number, hint: string, retryElsewhere = false): ErrorRow {
  return { hint, exit, retryElsewhere };
}

/** One line a row; codes are stable once released. Grouped by room, in the order of the rooms. */
const TABLE = {
  // base
  assertion: row(EXIT.failure, 'This is a bug in Causeway: please report it with the stack trace.'),
  'invalid-argument': row(EXIT.usage, 'Correct the value; `causeway <command> --help` lists what is accepted.'),
  'invalid-size': row(
    EXIT.usage,
    'Write a size as a whole number with an optional unit, for example 4096, 512m or 1g.',
  ),
  'invalid-duration': row(EXIT.usage, 'Write a duration as a number with its unit, for example 500ms, 10s or 2m.'),

  // native
  'out-of-memory': row(EXIT.host, 'Free memory, or lower the payload memory budget and the number of devices.'),

  // uring
  'io-uring-unavailable': row(
    EXIT.host,
    'Use Linux 5.11 or later with io_uring switched on (`sysctl kernel.io_uring_disabled=0`).',
  ),

  // io
  'address-in-use': row(EXIT.busy, 'Choose another port, or end the program that listens there (`ss -ltnp` names it).'),
  'address-not-available': row(EXIT.host, 'Give this address to an interface of this host, or choose another one.'),
  'file-open': row(EXIT.host, 'Check that the file exists and that its permissions allow this.'),
  'simulation-stuck': row(
    EXIT.failure,
    'Run the simulation again with the seed that the message names, and look at what was under way.',
  ),

  // block

  // filters

  // fabric
  'invalid-nqn': row(EXIT.usage, 'Write the name as the array shows it, for example nqn.2014-08.org.example:volume1.'),
  'nvme-malformed': row(
    EXIT.unreachable,
    'Check that an NVMe/TCP array listens there; if it does, its firmware breaks the specification.',
  ),
  'nvme-too-large': row(EXIT.refused, 'Causeway serves volumes and counts below 2^53; choose a smaller volume.'),
  'nvme-unsupported-controller': row(
    EXIT.refused,
    'This controller needs what Causeway does not do; ask the array for an NVM controller over TCP.',
  ),
  'nvme-unsupported-namespace': row(
    EXIT.refused,
    'Format the namespace with blocks of 512 or 4096 bytes, without metadata or protection information.',
  ),
  'nvme-no-namespace': row(
    EXIT.refused,
    'Choose a namespace that the array shows to this host (`causeway discover` lists them).',
  ),
  'nvme-unreachable': row(
    EXIT.unreachable,
    'Check the address, that the array listens there (I/O port 4420, discovery 8009) and that no firewall is in between.',
    true,
  ),
  'nvme-not-nvme-tcp': row(
    EXIT.unreachable,
    'Something else listens on this port: give the port of an NVMe/TCP service (4420 for volumes, 8009 for discovery).',
  ),
  'nvme-connection-lost': row(
    EXIT.unreachable,
    'Check the network and the array; Causeway goes on trying over this and other paths.',
    true,
  ),
  'nvme-timeout': row(
    EXIT.unreachable,
    'The array is reachable but does not answer in time: check its health and the network between.',
    true,
  ),
  'nvme-connect-refused': row(
    EXIT.refused,
    'Check the subsystem name (`causeway discover` lists the names) and that the array allows this host.',
  ),
  'nvme-authentication-required': row(
    EXIT.refused,
    'Give the secret that the array has for this host NQN: --dhchap-secret-file FILE.',
  ),
  'nvme-authentication-refused': row(
    EXIT.refused,
    'Check that the secret in the file is the one that the array has for this host NQN, and the host NQN itself.',
  ),
  'nvme-controller-not-authentic': row(
    EXIT.refused,
    "Check the array's secret in the file; if it is right, something else answers in the array's place.",
  ),
  'nvme-authentication-downgrade': row(
    EXIT.refused,
    'Give the array a secret for this host and one of its own, or leave --dhchap-ctrl-secret-file out.',
  ),
  'bad-secret': row(
    EXIT.usage,
    'Write one line into the file as `causeway gen-dhchap-key` or `nvme gen-dhchap-key` prints it (DHHC-1:hh:…:).',
  ),
  'secret-exposed': row(EXIT.host, 'Keep secrets to yourself: `chmod 600 FILE`.'),
  'nvme-command-failed': row(EXIT.refused, 'Look at the array, which refused a command that it should know.'),
  'nvme-command-refused': row(
    EXIT.refused,
    'Causeway does not send this command for others (docs/cli.md, `nvme`, lists what it sends, and how).',
  ),
  'nvme-command-dangerous': row(
    EXIT.refused,
    'If you mean it, add --allow-dangerous to `causeway nvme passthru`, or --allow-dangerous-ioctls to `causeway attach`.',
  ),
  'nvme-wrong-namespace': row(EXIT.usage, 'Leave the namespace out, or give that of the device.'),
  'nvme-outcome-unknown': row(
    EXIT.unreachable,
    'Look at what it was to change (for reservations: `causeway nvme resv-report NAME`) before you send it again.',
  ),
  'nvme-not-ready': row(EXIT.unreachable, 'The controller does not become ready: check the health of the array.', true),
  'nvme-no-identifier': row(
    EXIT.refused,
    'Give the namespace an NGUID, UUID or EUI-64 on the array: without one its paths cannot be told to be one volume.',
  ),
  'discovery-unstable': row(
    EXIT.unreachable,
    'The array keeps changing its discovery log; try again when its configuration rests.',
    true,
  ),

  // multipath

  // kernel
  'kernel-device-unavailable': row(
    EXIT.host,
    'Run `causeway doctor`: it names what this host lacks for a kernel device, and the command that mends it.',
  ),
  'kernel-device-failed': row(EXIT.host, 'Look into the kernel log (`dmesg | tail`) and run `causeway doctor`.'),
  'kernel-device-busy': row(
    EXIT.busy,
    'Unmount it and end the programs that use it, or force it: then they get input/output errors.',
  ),
  'kernel-device-left': row(
    EXIT.busy,
    'Attach what it waits for under that name, or give it up with `causeway detach NAME --force`: then its users get ' +
      'input/output errors.',
  ),
  'device-name-taken': row(EXIT.busy, 'Choose another name, or detach the device that has it.'),

  // host
  'no-host-identity': row(EXIT.host, 'Write a UUID into /etc/nvme/hostid, or give --host-nqn and --host-id.'),
  'name-not-resolved': row(EXIT.unreachable, 'Check the name (`getent hosts NAME`), or give the numeric address.'),
  'bad-url': row(
    EXIT.usage,
    'Write it as nvme+tcp://HOST[:PORT][,HOST…]/SUBSYSTEM-NQN[?nsid=N], file:/PATH or mem:SIZE.',
  ),
  'attach-timeout': row(
    EXIT.unreachable,
    'Check the addresses and the network (`nc -vz HOST PORT`), or raise `--timeout`.',
  ),
  'no-such-namespace': row(EXIT.refused, 'Choose a namespace that the array shows to this host NQN, with ?nsid=N.'),
  'nothing-discovered': row(EXIT.refused, 'Check that the array exports a subsystem to this host NQN.'),
  'subsystem-ambiguous': row(
    EXIT.usage,
    'Name the subsystem: nvme+tcp://HOST[:PORT]/SUBSYSTEM-NQN (`causeway discover` prints the URLs).',
  ),
  'namespace-ambiguous': row(EXIT.usage, 'Name the namespace in the URL: `…?nsid=N`.'),
  'volume-disagrees': row(
    EXIT.refused,
    'Give only addresses that lead to one and the same volume, and see to it that the array shows it alike over all of them.',
  ),
  'volume-replaced': row(
    EXIT.refused,
    'Show the right volume under this address and namespace again, or detach the device and attach what is there now.',
  ),
  'volume-attached': row(
    EXIT.busy,
    'Detach it there first: a second door to one volume would escape the protection of its writes.',
  ),
  'reactor-stuck': row(EXIT.failure, 'This is a bug in Causeway, or the machine stood still: please report it.'),
  'invalid-name': row(
    EXIT.usage,
    'A name has 1 to 32 small letters, digits, dots, underscores and hyphens, and begins with a letter or a digit.',
  ),
  'name-in-use': row(
    EXIT.busy,
    'Choose another name with --name, or end what has it (`causeway list` shows it, `causeway detach NAME` ends it).',
  ),
  'needs-root': row(EXIT.host, 'Run it as root, for example with sudo.'),
  'runtime-directory': row(
    EXIT.host,
    'Make the directory usable for root, or name another one in the environment variable CAUSEWAY_RUN_DIR.',
  ),
  'no-such-device': row(EXIT.notFound, '`causeway list` shows the names of this host.'),
  'not-running': row(
    EXIT.notFound,
    'Its process ended without clearing up; start it again under that name, which clears up first.',
  ),
  'no-such-path': row(EXIT.notFound, '`causeway path list NAME` shows the paths.'),
  'path-exists': row(EXIT.busy, '`causeway path list NAME` shows the paths that there are.'),
  'path-unfit': row(
    EXIT.refused,
    'Use a port of the array that shows the volume as the other paths do (`causeway path list NAME`).',
  ),
  'too-many-paths': row(EXIT.refused, 'Remove one first: `causeway path remove NAME PATH`.'),
  'last-path': row(
    EXIT.busy,
    'Add or restore another path first, or use --force: then I/O waits until there is a path again.',
  ),
  'device-in-use': row(
    EXIT.busy,
    'Unmount it and end the programs that use it, or use --force: then they get input/output errors.',
  ),
  'cannot-hand-over': row(
    EXIT.busy,
    'Only a device that outlives a crash can be handed over (`causeway show` says whether it does): detach it and attach ' +
      'it again.',
  ),
  'device-not-quiet': row(
    EXIT.busy,
    'Unmount it and end the programs that use it, wait until `causeway show NAME` shows no quarantine, and try again.',
  ),
  'control-timeout': row(EXIT.failure, 'Try again; if that does not help, look into the log of the process.'),
  'control-protocol': row(
    EXIT.failure,
    'Use the same version of Causeway for the command and for the process it asks.',
  ),

  // array
  'no-such-port': row(EXIT.notFound, '`causeway array show NAME` lists the ports of the array.'),

  // library: how a request of `volume.read` and the like ended; each stands for a status of a request
  'io-failed': row(
    EXIT.failure,
    'Look at the array and at the events of the volume; the data of the range is uncertain.',
  ),
  'medium-error': row(EXIT.failure, 'The array lost the data of this range: restore it from a backup.'),
  'not-supported': row(EXIT.refused, 'The volume does not do this; do without it.'),
  'no-space': row(EXIT.refused, 'The array is out of space: add some, or free some with discard.'),
  'read-only': row(EXIT.refused, 'Attach or serve the volume writable, if it may be written to.'),
  'reservation-conflict': row(EXIT.refused, 'Another host holds a reservation on the volume: let it release it first.'),
  'invalid-request': row(
    EXIT.usage,
    'Give offset and length as multiples of the block size (`blockBytes`) within the volume (`sizeBytes`).',
  ),
  'no-path': row(EXIT.unreachable, 'Check the network and the array, or restore a path with `restorePath`.'),
  'io-timed-out': row(EXIT.unreachable, 'Whoever answers for the volume did not do so in time: look there.'),
  'volume-gone': row(EXIT.notFound, 'The volume was closed or forced away; attach it again.'),
  'too-many-requests': row(EXIT.busy, 'Wait for some of the requests that are under way, then try again.'),
  'volume-in-use': row(EXIT.busy, 'Close what is served from the volume first, or close the volume with `force`.'),

  // cli
  'unknown-command': row(EXIT.usage, '`causeway --help` lists the commands.'),
  'unknown-option': row(EXIT.usage, '`causeway COMMAND --help` lists the options of a command.'),
  'wrong-usage': row(EXIT.usage, '`causeway COMMAND --help` shows how the command is written, with examples.'),
  'background-failed': row(EXIT.failure, 'Start it without --background to see what happens.'),
  interrupted: row(EXIT.failure, 'Nothing was left behind; start it again when you like.'),
  'device-lost': row(EXIT.failure, 'Look into the kernel log (`dmesg | tail`), and start it again.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof TABLE;

/** The whole table, for documentation and for tests that walk it. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = TABLE;

export interface CausewayErrorOptions {
  /** Replaces the row's hint where the place that throws knows the exact mend. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error that a user may see: `message` names the cause in one sentence, `hint` the mend. */
export class CausewayError extends Error {
  override readonly name = 'CausewayError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: CausewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? errorTable[code].hint;
  }

  /** Exit code of the command line when this error ends it. */
  get exit(): number {
    return errorTable[this.code].exit;
  }

  /** True if the same request may safely be sent again over another path. */
  get retryElsewhere(): boolean {
    return errorTable[this.code].retryElsewhere;
  }
}

/** True if `text` is a code of the table: for errors that arrive as data, from a worker or a control socket. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(TABLE, text);
}

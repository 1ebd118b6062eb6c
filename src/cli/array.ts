/** `causeway array`: the embedded array on its own, a target for any NVMe/TCP initiator; and faults on command. */
import type { Command } from 'commander';
import { CausewayError } from '../base/errors.ts';
import type { ArrayAuthentication, ArrayOptions } from '../demo/array-thread.ts';
import { type GroupName, groupNames, type HashName, hashNames } from '../fabric/nvme-tcp/auth/names.ts';
import { callControl } from '../host/control-client.ts';
import { checkInstanceName } from '../host/runtime-dir.ts';
import { faultRequest, faultWords } from './array-faults.ts';
import { arrayText } from './array-text.ts';
import { given, oneOf, seconds, size, wholeNumber, withDefault } from './option-values.ts';
import { serve } from './serve.ts';
import { verb, type Verbs } from './verb.ts';

interface ArrayVerbOptions {
  readonly name: string;
  readonly address?: readonly string[];
  readonly port: number;
  readonly ports?: number;
  readonly size: number;
  readonly file?: string;
  readonly blockSize: '512' | '4096';
  readonly nqn?: string;
  readonly serial?: string;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly mdts?: number;
  readonly ccr: boolean;
  readonly cqt?: number;
  readonly writeCache?: boolean;
  readonly json?: boolean;
  readonly dhchapHost?: Readonly<Record<string, string>>;
  readonly dhchapCtrlSecretFile?: string;
  readonly dhchapHash?: HashName;
  readonly dhchapGroup?: GroupName;
  readonly dhchapDiscovery?: boolean;
}

export function addArray(program: Command, verbs: Verbs): void {
  const { context, args } = verbs;
  const command = verb(program, 'array', 'the embedded storage array on its own: an NVMe/TCP target, until Ctrl-C', [
    'causeway array # four ports on 127.0.0.1 to 127.0.0.4, port 4420',
    'causeway array --address 192.0.2.1,192.0.2.2 --size 100g --file /srv/volume # for other hosts',
    'causeway array --name a --port 0 --json # free ports, told as JSON',
    'causeway array fault a port-close 2 # from another terminal',
  ])
    .option('--name <name>', 'name of the array on this host', 'array')
    .option('--address <list>', 'where the ports listen, separated by commas', addressList)
    .option('--port <n>', 'TCP port of all of them; 0 takes free ones', wholeNumber('--port', 0, 65535), 4420)
    .option('--ports <n>', 'how many ports, on 127.0.0.1, 127.0.0.2, … (4)', wholeNumber('--ports', 1, 64))
    .addOption(withDefault('--size <size>', 'size of the volume', size('--size'), 1024 ** 3, '1g'))
    .option('--file <path>', 'keep the volume in this file, made if it does not exist; in memory when left out')
    .option('--block-size <bytes>', '512 or 4096', oneOf('--block-size', ['512', '4096']), '4096')
    .option('--nqn <nqn>', 'name of the subsystem')
    .option('--serial <text>', 'serial number, at most 20 characters')
    .option('--no-header-digest', 'grant no header digests')
    .option('--no-data-digest', 'grant no data digests')
    .option('--mdts <size>', 'largest transfer of one command: a power of two, 4k to 1m', size('--mdts'))
    .option('--no-ccr', 'do not offer cross-controller reset')
    .option('--cqt <time>', 'report this command quiesce time', seconds('--cqt'))
    .option('--write-cache', 'a volatile write cache for each controller, which can be lost')
    .option(
      '--dhchap-host <nqn=file>',
      'this host has to authenticate with the secret in the file, and no other may connect; may be given several times',
      oneMoreHost,
    )
    .option('--dhchap-ctrl-secret-file <file>', "the array's own secret, for hosts that want it to prove itself")
    .option('--dhchap-hash <hash>', 'sha256 (default), sha384 or sha512', oneOf('--dhchap-hash', hashNames))
    .option(
      '--dhchap-group <group>',
      'null, ffdhe2048 (default), ffdhe3072, ffdhe4096, ffdhe6144 or ffdhe8192',
      oneOf('--dhchap-group', groupNames),
    )
    .option('--dhchap-discovery', 'they have to authenticate for discovery too');
  command.action(async (options: ArrayVerbOptions) => {
    checkInstanceName(options.name);
    await serve(context, {
      name: options.name,
      kind: 'array',
      arrays: [arrayOptions(options)],
      device: null,
      grace: 0,
      force: false,
      json: options.json === true,
      takeOver: false,
      words: args,
    });
  });
  addFault(command, verbs);
  addShow(command, verbs);
}

function addressList(text: string): readonly string[] {
  const addresses = text.split(',').map((part) => part.trim());
  if (addresses.every((part) => part !== '')) return addresses;
  throw new CausewayError('invalid-argument', `--address ${JSON.stringify(text.slice(0, 100))} has an empty part`);
}

function oneMoreHost(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, hostnqn, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (hostnqn === undefined || file === undefined) {
    throw new CausewayError(
      'invalid-argument',
      `--dhchap-host takes HOSTNQN=FILE, not ${JSON.stringify(text.slice(0, 300))}`,
    );
  }
  if (Object.hasOwn(before, hostnqn)) {
    throw new CausewayError('invalid-argument', `--dhchap-host names ${hostnqn} twice`);
  }
  return { ...before, [hostnqn]: file };
}

function authentication(options: ArrayVerbOptions): ArrayAuthentication | undefined {
  const { dhchapHost: hosts, dhchapCtrlSecretFile, dhchapHash, dhchapGroup, dhchapDiscovery } = options;
  const others = given({
    ctrlSecretFile: dhchapCtrlSecretFile,
    hash: dhchapHash,
    group: dhchapGroup,
    discovery: dhchapDiscovery,
  });
  if (hosts !== undefined) return { hosts, ...others };
  if (Object.keys(others).length === 0) return undefined;
  throw new CausewayError('wrong-usage', 'who has to authenticate is not said: --dhchap-host HOSTNQN=FILE');
}

function arrayOptions(options: ArrayVerbOptions): ArrayOptions {
  const { address, ports, port, mdts } = options;
  if (address !== undefined && ports !== undefined) {
    throw new CausewayError('wrong-usage', '--address and --ports both say how many ports there are: give one of them');
  }
  if (mdts !== undefined && (!Number.isInteger(Math.log2(mdts)) || mdts < 4096 || mdts > 1024 ** 2)) {
    throw new CausewayError('invalid-argument', `--mdts is ${mdts}; it takes a power of two from 4k to 1m`);
  }
  return {
    ...given({
      serial: options.serial,
      file: options.file,
      subsystem: options.nqn,
      commandQuiesceTime: options.cqt,
      authentication: authentication(options),
    }),
    ...(address === undefined ? { ports: ports ?? 4 } : { addresses: address }),
    port,
    sizeBytes: options.size,
    blockBytes: options.blockSize === '512' ? 512 : 4096,
    crossControllerReset: options.ccr,
    advanced: {
      headerDigest: options.headerDigest,
      dataDigest: options.dataDigest,
      volatileWriteCache: options.writeCache === true,
      ...(mdts === undefined ? {} : { limits: { mdtsBytes: mdts } }),
    },
  };
}

function addFault(array: Command, { context }: Verbs): void {
  verb(array, 'fault <name> <fault> [arguments...]', 'make an array of this host go wrong, or right again', [
    'causeway array fault demo port-close 2 # port 2 is gone: connections cut, new ones refused',
    'causeway array fault demo port-open 2 # it is back',
    'causeway array fault demo port-blackhole 1 # connections stay open, nothing is answered',
    'causeway array fault demo delayAnswers 1 50 # port 1 answers 50 ms late',
    'causeway array fault demo setAna 1 1 inaccessible',
  ])
    .addHelpText('after', `\nFaults:\n${faultWords.map((row) => `  ${row}`).join('\n')}`)
    .action(async (name: string, fault: string, args: string[], options: { json?: boolean }) => {
      const { method, params } = faultRequest(fault, args);
      const result = await callControl(name, method, params);
      if (options.json === true) context.stdout.line(JSON.stringify({ name, fault, result }));
      else if (result !== null) context.stdout.line(JSON.stringify(result));
    });
}

function addShow(array: Command, { context }: Verbs): void {
  verb(array, 'show <name>', 'ports, volumes and hosts of an array of this host', ['causeway array show demo']).action(
    async (name: string, options: { json?: boolean }) => {
      const stats = await callControl(name, 'array-stats');
      if (options.json === true) context.stdout.line(JSON.stringify(stats));
      else for (const line of arrayText(name, stats)) context.stdout.line(line);
    },
  );
}

/** `causeway nvme`: NVMe commands to the array of a device, over a path that its policy picks. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CausewayError } from '../base/errors.ts';
import { anaLogBytes, anaLogHeaderBytes, readAnaLog } from '../fabric/nvme-tcp/ana-log.ts';
import { adminOpcode, cns, featureId, identifyBytes, logPageId, nsidAll } from '../fabric/nvme-tcp/constants.ts';
import { errorEntryBytes, readErrorLog } from '../fabric/nvme-tcp/error-log.ts';
import { readIdentifyController } from '../fabric/nvme-tcp/identify-controller.ts';
import { readIdentifyNamespace } from '../fabric/nvme-tcp/identify-namespace.ts';
import { passthroughBytes } from '../fabric/nvme-tcp/passthrough.ts';
import { readSmartLog, smartLogBytes } from '../fabric/nvme-tcp/smart-log.ts';
import type { Context } from './context.ts';
import { askNvme, checkStatus, nvmeCommandOf, runNvme } from './nvme-command.ts';
import { dword, needed } from './nvme-options.ts';
import { addReservations } from './nvme-reservations.ts';
import { show, type ShowOptions, viewOf } from './nvme-show.ts';
import { anaText, controllerText, errorLogText, hexDump, namespaceText, smartText } from './nvme-text.ts';
import { oneOf, seconds, wholeNumber } from './option-values.ts';
import { verb, type Verbs } from './verb.ts';

async function identify(name: string, which: number): Promise<Uint8Array> {
  const command = nvmeCommandOf({ queue: 'admin', opcode: adminOpcode.identify, bytes: identifyBytes });
  return (await runNvme(name, 'Identify', { ...command, cdws: [which, 0, 0, 0, 0, 0] })).data;
}

/** Read in pieces that every controller takes. */
const pieceBytes = 4096;

async function readLog(name: string, lid: number, nsid: number, bytes: number): Promise<Uint8Array> {
  const log = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += pieceBytes) {
    const piece = Math.min(pieceBytes, bytes - at);
    const dwords = piece / 4 - 1;
    const command = nvmeCommandOf({ queue: 'admin', opcode: adminOpcode.getLogPage, nsid, bytes: piece });
    const cdws = [((dwords << 16) | lid) >>> 0, 0, at, 0, 0, 0];
    log.set((await runNvme(name, `Get Log Page 0x${lid.toString(16)}`, { ...command, cdws })).data, at);
  }
  return log;
}

/** As long as the controller says that it can become. */
async function readWholeAnaLog(name: string): Promise<Uint8Array> {
  const id = readIdentifyController(viewOf(await identify(name, cns.controller)), 0);
  const namespaces = id.mnan === 0 ? id.nn : id.mnan;
  const bytes = Math.max(anaLogHeaderBytes, anaLogBytes(id.nanagrpid, namespaces));
  return await readLog(name, logPageId.ana, 0, Math.min(Math.ceil(bytes / 4) * 4, passthroughBytes));
}

const selects = { current: 0, default: 1, saved: 2, capabilities: 3 } as const;

interface FeatureOptions extends ShowOptions {
  readonly feature?: number;
  readonly select?: keyof typeof selects;
  readonly cdw11?: number;
  readonly length?: number;
}

interface PassthruOptions extends ShowOptions {
  readonly opcode?: number;
  readonly nsid?: number;
  readonly cdw2?: number;
  readonly cdw3?: number;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
  readonly cdw13?: number;
  readonly cdw14?: number;
  readonly cdw15?: number;
  readonly length?: number;
  readonly inputFile?: string;
  readonly timeout?: number;
  readonly allowDangerous?: boolean;
}

export function addNvme(program: Command, verbs: Verbs): void {
  const { context } = verbs;
  const nvme = program
    .command('nvme')
    .description('NVMe commands to the array of a device, over a path that its policy picks');

  const reading = (usage: string, description: string, examples: readonly string[]): Command =>
    verb(nvme, usage, description, examples).option('--raw-binary', 'print the bytes as they came');

  reading('id-ctrl <name>', 'what the controller says of itself (Identify Controller)', [
    'causeway nvme id-ctrl db',
    'causeway nvme id-ctrl db --raw-binary | xxd | head',
  ]).action(async (name: string, options: ShowOptions) => {
    const data = await identify(name, cns.controller);
    const id = readIdentifyController(viewOf(data), 0);
    show(
      context,
      options,
      data,
      () => id,
      () => controllerText(id),
    );
  });
  reading('id-ns <name>', 'what the array says of the volume (Identify Namespace)', ['causeway nvme id-ns db']).action(
    async (name: string, options: ShowOptions) => {
      const data = await identify(name, cns.namespace);
      const id = readIdentifyNamespace(viewOf(data), 0);
      show(
        context,
        options,
        data,
        () => id,
        () => namespaceText(id),
      );
    },
  );
  reading('smart-log <name>', 'the health of the controller', ['causeway nvme smart-log db --json']).action(
    async (name: string, options: ShowOptions) => {
      const data = await readLog(name, logPageId.smart, nsidAll, smartLogBytes);
      const log = readSmartLog(viewOf(data), 0);
      show(
        context,
        options,
        data,
        () => log,
        () => smartText(log),
      );
    },
  );
  reading('ana-log <name>', 'how the array lets its namespaces be used over this controller', [
    'causeway nvme ana-log db',
  ]).action(async (name: string, options: ShowOptions) => {
    const data = await readWholeAnaLog(name);
    const log = readAnaLog(viewOf(data), 0, data.byteLength);
    show(
      context,
      options,
      data,
      () => log,
      () => anaText(log),
    );
  });
  reading('error-log <name>', 'commands that the controller answered with an error, the newest first', [
    'causeway nvme error-log db --entries 4',
  ])
    .option('--entries <n>', 'how many are asked for; 16', wholeNumber('--entries', 1, 256))
    .action(async (name: string, options: ShowOptions & { readonly entries?: number }) => {
      const data = await readLog(name, logPageId.errorInformation, nsidAll, (options.entries ?? 16) * errorEntryBytes);
      const entries = readErrorLog(viewOf(data), 0, data.byteLength);
      show(
        context,
        options,
        data,
        () => ({ entries }),
        () => errorLogText(entries),
      );
    });
  reading('get-feature <name>', 'the value of a feature of the controller', [
    'causeway nvme get-feature db --feature 0x07 # number of queues',
    'causeway nvme get-feature db --feature 0x81 # identifier of this host',
  ])
    .option('--feature <id>', 'identifier of the feature', dword('--feature', 0xff))
    .option(
      '--select <which>',
      'current, default, saved or capabilities',
      oneOf('--select', ['current', 'default', 'saved', 'capabilities']),
    )
    .option('--cdw11 <n>', 'command dword 11, for features that want one', dword('--cdw11'))
    .option('--length <bytes>', 'data that the feature has', wholeNumber('--length', 0, passthroughBytes))
    .action(async (name: string, options: FeatureOptions) => getFeature(context, name, options));
  addReservations(nvme, reading, context);
  addPassthru(reading, context);
}

async function getFeature(context: Context, name: string, options: FeatureOptions): Promise<void> {
  const feature = needed('--feature', options.feature);
  const isHostId = feature === featureId.hostIdentifier;
  const select = selects[options.select ?? 'current'];
  // Over fabrics the identifier of the host has 128 bits (EXHID).
  const cdw11 = options.cdw11 ?? Number(isHostId);
  const bytes = options.length ?? (isHostId && select !== selects.capabilities ? 16 : 0);
  const command = nvmeCommandOf({ queue: 'admin', opcode: adminOpcode.getFeatures, bytes });
  const what = `Get Features 0x${feature.toString(16)}`;
  const { dw0, data } = await runNvme(name, what, { ...command, cdws: [feature | (select << 8), cdw11, 0, 0, 0, 0] });
  show(
    context,
    options,
    data,
    () => ({ feature, value: dw0, data: Buffer.from(data).toString('hex') }),
    () => [`feature 0x${feature.toString(16)}: 0x${dw0.toString(16)}`, ...hexDump(data)],
  );
}

const dwordOptions = ['--cdw2', '--cdw3', '--cdw10', '--cdw11', '--cdw12', '--cdw13', '--cdw14', '--cdw15'] as const;

function addPassthru(
  reading: (usage: string, description: string, examples: readonly string[]) => Command,
  context: Context,
): void {
  const command = reading('passthru <name> <queue>', 'any command, on the admin queue (admin) or an I/O queue (io)', [
    'causeway nvme passthru db admin --opcode 0x06 --cdw10 1 --length 4096',
    'causeway nvme passthru db io --opcode 0x02 --cdw12 7 --length 4096 # eight blocks of 512 bytes',
    'causeway nvme passthru db admin --opcode 0x80 --allow-dangerous # formats the volume',
  ])
    .option('--opcode <n>', 'opcode', dword('--opcode', 0xff))
    .option('--nsid <n>', "the namespace; the device's own where one is needed", dword('--nsid'));
  for (const option of dwordOptions) command.option(`${option} <n>`, `command dword ${option.slice(5)}`, dword(option));
  command
    .option('--length <bytes>', 'data that the command brings or takes', wholeNumber('--length', 0, passthroughBytes))
    .option('--input-file <file>', 'the data that it brings to the array')
    .option(
      '--timeout <time>',
      'after it the command is called back; a minute, 30 s on an I/O queue',
      seconds('--timeout'),
    )
    .option('--allow-dangerous', 'also commands that disturb others or destroy data (docs/cli.md lists them)')
    .action(async (name: string, queue: string, options: PassthruOptions) => {
      await passthru(context, name, oneOf('the queue', ['admin', 'io'])(queue), options);
    });
}

async function passthru(
  context: Context,
  name: string,
  queue: 'admin' | 'io',
  options: PassthruOptions,
): Promise<void> {
  const data = options.inputFile === undefined ? null : readInput(options.inputFile, options.length);
  const { cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0, cdw14 = 0, cdw15 = 0 } = options;
  const command = nvmeCommandOf({
    queue,
    opcode: needed('--opcode', options.opcode),
    nsid: options.nsid ?? 0,
    cdw2: options.cdw2 ?? 0,
    cdw3: options.cdw3 ?? 0,
    cdws: [cdw10, cdw11, cdw12, cdw13, cdw14, cdw15],
    bytes: data?.length ?? options.length ?? 0,
    data,
    timeoutMs: Math.round(options.timeout ?? 0),
  });
  const answer = await askNvme(name, command, options.allowDangerous);
  checkStatus(name, `the command 0x${command.opcode.toString(16)}`, answer);
  const { status, dw0, dw1, path } = answer;
  show(
    context,
    options,
    answer.data,
    () => ({ status, dw0, dw1, path, data: Buffer.from(answer.data).toString('hex') }),
    () => [`status 0, result 0x${dw0.toString(16)}, over ${path}`, ...hexDump(answer.data)],
  );
}

/** Filled up with zeroes to the length that was asked for. */
function readInput(file: string, length: number | undefined): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new CausewayError('file-open', `cannot read ${file}`, { cause: error });
  }
  const wanted = length ?? bytes.length;
  if (bytes.length > wanted || wanted > passthroughBytes) {
    throw new CausewayError(
      'invalid-argument',
      `${file} has ${bytes.length} bytes; the command takes ${Math.min(wanted, passthroughBytes)}`,
    );
  }
  const data = new Uint8Array(wanted);
  data.set(bytes);
  return data;
}

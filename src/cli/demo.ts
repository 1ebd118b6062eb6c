/** `causeway demo`: the embedded array, one volume over all its ports, a device. */
import type { Command } from 'commander';
import { CausewayError } from '../base/errors.ts';
import { checkInstanceName } from '../host/runtime-dir.ts';
import { oneOf, size, wholeNumber, withDefault } from './option-values.ts';
import { addDeviceOptions, attachOptions, type DeviceOptions, graceOption } from './options.ts';
import { serve } from './serve.ts';
import { verb, type Verbs } from './verb.ts';

interface DemoOptions extends DeviceOptions {
  readonly name: string;
  readonly size: number;
  readonly ports: number;
  readonly blockSize: '512' | '4096';
  readonly grace: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** The port of NVMe/TCP; where somebody has it, free ones are taken. */
const nvmePort = 4420;

export function addDemo(program: Command, { context, args }: Verbs): void {
  const command = verb(program, 'demo', 'a block device over several paths to an embedded array, until Ctrl-C', [
    'causeway demo # four paths, 1 GiB in memory',
    'causeway demo --ports 2 --size 8g # two paths, 8 GiB (memory is taken as it is written)',
    'causeway demo --json # one JSON object a line, for scripts',
  ])
    .option('--name <name>', 'name of the device', 'demo')
    .addOption(withDefault('--size <size>', 'size of the volume', size('--size'), 1024 ** 3, '1g'))
    .option('--ports <n>', 'ports of the array, on 127.0.0.1, 127.0.0.2, …', wholeNumber('--ports', 1, 64), 4)
    .option('--block-size <bytes>', '512 or 4096', oneOf('--block-size', ['512', '4096']), '4096')
    .addOption(graceOption())
    .option('--force', 'the first Ctrl-C ends it, also in use: holders get input/output errors');
  addDeviceOptions(command).action(async (options: DemoOptions) => {
    checkInstanceName(options.name);
    const blockBytes = options.blockSize === '512' ? 512 : 4096;
    if (options.size % blockBytes !== 0) {
      throw new CausewayError('invalid-size', `${options.size} bytes are no whole number of blocks of ${blockBytes}`);
    }
    const array = { ports: options.ports, sizeBytes: options.size, blockBytes } as const;
    await serve(context, {
      name: options.name,
      kind: 'demo',
      arrays: [{ ...array, port: nvmePort }, array],
      device: { urls: [], options: { ...attachOptions(options.name, options), isNew: true } },
      grace: options.grace,
      force: options.force === true,
      json: options.json === true,
      takeOver: false,
      words: args,
    });
  });
}

/** `causeway attach`: a volume of an array, by URL, as a device of this host. */
import { type Command, Option } from 'commander';
import { checkInstanceName, isInstanceName } from '../host/runtime-dir.ts';
import { runInBackground } from './background.ts';
import { addDeviceOptions, addHostOptions, attachOptions, type DeviceOptions, graceOption } from './options.ts';
import { serve } from './serve.ts';
import { verb, type Verbs } from './verb.ts';

interface AttachVerbOptions extends DeviceOptions {
  readonly name?: string;
  readonly grace: number;
  readonly force?: boolean;
  readonly background?: boolean;
  readonly surviveCrash?: boolean;
  readonly fast?: boolean;
  readonly takeOver?: boolean;
  readonly json?: boolean;
}

export function addAttach(program: Command, { context, args }: Verbs): void {
  const command = verb(program, 'attach <url...>', 'make a volume of an array a block device of this host', [
    'causeway attach nvme+tcp://192.0.2.1,192.0.2.2/nqn.2014-08.org.example:array # two paths, until Ctrl-C',
    "causeway attach 'nvme+tcp://192.0.2.1/nqn.2014-08.org.example:array?nsid=3' --name db --background",
    'causeway attach mem:4g --name scratch # a RAM disk',
  ])
    .option('--name <name>', 'name of the device; made from the URL when left out')
    .option('--background', 'return when the device is usable, and go on serving it')
    .option('--read-only', 'refuse writes')
    .addOption(
      new Option(
        '--survive-crash',
        'if this program dies, requests wait until the volume is attached again under this name, and go on (the default)',
      ).conflicts('fast'),
    )
    .option('--fast', 'serve the fastest way instead: if this program dies, those who use the device get errors')
    .option('--take-over', 'if this name is served already, have the device handed over, and serve it on')
    .addOption(graceOption())
    .option('--force', 'the first Ctrl-C ends it, also in use: holders get input/output errors');
  addDeviceOptions(addHostOptions(command)).action(async (urls: string[], options: AttachVerbOptions) => {
    const name = options.name ?? nameFromUrl(urls[0] ?? '');
    checkInstanceName(name);
    if (options.background === true && !context.background) {
      // The name is spelled out, so that the child cannot come to another one.
      const ready = await runInBackground(context, name, ['attach', '--name', name, ...args.slice(1)]);
      context.stdout.line(options.json === true ? ready.json : ready.device);
      return;
    }
    await serve(context, {
      name,
      kind: 'attach',
      arrays: [],
      device: { urls, options: { ...attachOptions(name, options), surviveCrash: options.fast !== true } },
      grace: options.grace,
      force: options.force === true,
      json: options.json === true,
      takeOver: options.takeOver === true,
      words: args,
    });
  });
}

/**
 * A name for a device that was given none: the last part of the subsystem's name, with the namespace where it is not the
 * first. `nqn.2014-08.org.example:array?nsid=3` becomes `array-3`.
 */
export function nameFromUrl(url: string): string {
  const [place = '', query = ''] = url.split('?');
  const last = place.split(/[/:]/).findLast((part) => part !== '') ?? '';
  const nsid = /(?:^|&)nsid=([1-9]\d*)(?:&|$)/.exec(query)?.[1];
  const words = `${last.toLowerCase()}${nsid === undefined || nsid === '1' ? '' : `-${nsid}`}`;
  const name = words
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 32);
  return isInstanceName(name) ? name : 'volume';
}

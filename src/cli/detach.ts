/** `causeway detach`: ends a device in order, or by force. */
import fs from 'node:fs';
import type { Command } from 'commander';
import { CausewayError } from '../base/errors.ts';
import { formatDuration } from '../base/units.ts';
import { callControl } from '../host/control-client.ts';
import { listInstances } from '../host/instances.ts';
import { placesOf } from '../host/runtime-dir.ts';
import { askHolders, askInstance } from './ask.ts';
import { isBusyError } from './ending.ts';
import { graceOption } from './options.ts';
import { describeHolders } from './reporter.ts';
import { verb, type Verbs } from './verb.ts';

interface Options {
  readonly force?: boolean;
  readonly grace: number;
  readonly json?: boolean;
}

const pollTime = 250;
/** A detach flushes first, and what is to be flushed may be much. Milliseconds. */
const detachTimeout = 120_000;
/** How long its process may take to end afterwards, milliseconds. */
const endTimeout = 30_000;

export function addDetach(program: Command, verbs: Verbs): void {
  verb(program, 'detach <name>', 'flush a device and take it away; end an array', [
    'causeway detach demo',
    'causeway detach demo --grace 60 # wait a minute for those who use it',
    'causeway detach demo --force # at once: those who use it get input/output errors',
  ])
    .option('--force', 'also while it is used: holders get input/output errors')
    .addOption(graceOption())
    .action((name: string, options: Options) => detach(verbs, name, options));
}

/** One whose process is dead: what it left goes. */
async function giveUp({ context }: Verbs, name: string, options: Options): Promise<void> {
  // Rare, and it brings every kind of kernel device along.
  const { clearLeftBehind } = await import('../host/left-behind.ts');
  const { device, held } = await clearLeftBehind(name, options.force === true);
  if (options.json === true) context.stdout.line(JSON.stringify({ name, device, detached: true }));
  else if (device === null) context.stdout.line(`what ${name} had left is cleared away`);
  else
    context.stdout.line(`${device} (${name}), left behind, is detached${held ? '; somebody still has it open' : ''}`);
}

async function detach(verbs: Verbs, name: string, options: Options): Promise<void> {
  const { context } = verbs;
  if (listInstances().some((entry) => entry.name === name && !entry.alive)) {
    await giveUp(verbs, name, options);
    return;
  }
  const instance = await askInstance(name);
  const sleep = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => void context.after(milliseconds, resolve));
  const until = context.now() + (options.force === true ? 0 : options.grace);
  let announced = false;
  for (;;) {
    try {
      await callControl(name, 'detach', { force: options.force === true }, detachTimeout);
      break;
    } catch (error) {
      if (!isBusyError(error)) throw error;
      const holders = await askHolders(name);
      const words = `${instance.device?.device ?? name} is in use: ${describeHolders(holders)}`;
      const left = until - context.now();
      if (left <= 0) throw new CausewayError('device-in-use', words, { cause: error });
      if (!announced) context.stderr.line(`${words}; waiting ${formatDuration(left)} for them to go`);
      announced = true;
      await sleep(Math.min(pollTime, left));
    }
  }
  // Its process still has to end: whoever starts one of the same name next shall find the name free.
  const ends = context.now() + endTimeout;
  while (fs.existsSync(placesOf(name).lock) && context.now() < ends) await sleep(20);
  const device = instance.device?.device ?? null;
  if (options.json === true) context.stdout.line(JSON.stringify({ name, device, detached: true }));
  else context.stdout.line(device === null ? `${name} has ended` : `${device} (${name}) is detached`);
}

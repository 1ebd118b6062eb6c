/** `causeway policy`: how the paths of a device are used, seen and changed while I/O runs. */
import type { Command } from 'commander';
import { CausewayError } from '../base/errors.ts';
import type { PolicySettings } from '../host/contract.ts';
import { callControl } from '../host/control-client.ts';
import { askDevice, askPolicy } from './ask.ts';
import type { Context } from './context.ts';
import { findPath } from './path-id.ts';
import { addPolicyOptions, policyLines, type PolicyOptions, policySettings } from './policy-options.ts';
import { printable } from './text.ts';
import { verb, type Verbs } from './verb.ts';

interface SetOptions extends PolicyOptions {
  readonly acceptStaleData?: boolean;
  readonly json?: boolean;
}

export function addPolicy(program: Command, { context }: Verbs): void {
  const policy = program.command('policy').description('how the paths of a device are used; changeable while I/O runs');
  verb(policy, 'get <name>', 'the policy as it is now, in the words of `policy set`', [
    'causeway policy get demo',
    'causeway policy get demo --json',
  ]).action(async (name: string, options: { json?: boolean }) => print(context, name, options.json === true));

  const set = verb(
    policy,
    'set <name>',
    'change the policy; it takes effect at once, on all that is not said nothing changes',
    [
      'causeway policy set demo --selector latency',
      'causeway policy set demo --selector weighted --weight 127.0.0.1:4420=3 # three of its I/Os to one of each other path',
      'causeway policy set demo --failback 30s --when-no-path 2m',
    ],
  );
  addPolicyOptions(set)
    .option('--accept-stale-data', 'with --ghost-writes none: old data may come back over newer')
    .action(async (name: string, options: SetOptions) => {
      const settings = policySettings(options);
      if (Object.keys(settings).length === 0) throw new CausewayError('wrong-usage', 'nothing is said of the policy');
      const acceptStaleData = options.acceptStaleData === true;
      await callControl(name, 'policy-set', { settings: await withIds(name, settings), acceptStaleData });
      await print(context, name, options.json === true);
    });
}

/** The paths that weights are given to, by their ids. */
async function withIds(name: string, settings: PolicySettings): Promise<PolicySettings> {
  if (settings.weights === undefined) return settings;
  const view = await askDevice(name);
  const entries = Object.entries(settings.weights).map(([path, weight]) => [findPath(view, path), weight]);
  return { ...settings, weights: Object.fromEntries(entries) };
}

async function print({ stdout }: Context, name: string, json: boolean): Promise<void> {
  const policy = await askPolicy(name);
  if (json) stdout.line(JSON.stringify({ name, policy }));
  else for (const line of policyLines(policy)) stdout.line(printable(line));
}

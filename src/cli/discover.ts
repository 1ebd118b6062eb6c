/** `causeway discover`: which subsystems a discovery service knows, and the URLs that attach them. */
import type { Command } from 'commander';
import type { Discovered } from '../fabric/nvme-tcp/discovery.ts';
import { type DiscoverUrlOptions, urlOf } from '../host/discover.ts';
import { startHost } from '../host/host.ts';
import { addHostOptions } from './options.ts';
import { table } from './text.ts';
import { verb, type Verbs } from './verb.ts';

/** Each subsystem once, with all ways to it. */
function bySubsystem(found: readonly Discovered[]): Map<string, Discovered[]> {
  const subsystems = new Map<string, Discovered[]>();
  for (const entry of found) {
    if (entry.kind === 'subsystem') subsystems.set(entry.subnqn, [...(subsystems.get(entry.subnqn) ?? []), entry]);
  }
  return subsystems;
}

export function discoverText(found: readonly Discovered[]): string[] {
  const subsystems = bySubsystem(found);
  if (subsystems.size === 0) return ['No subsystem is shown to this host.'];
  const rows = [...subsystems].flatMap(([subnqn, ways]) =>
    ways.map(({ address, portid, needsTls }, index) => [
      index === 0 ? subnqn : '',
      `${address.host}:${address.port}`,
      String(portid),
      needsTls ? 'wants TLS, which is not in yet' : '',
    ]),
  );
  const columns = [
    { title: 'SUBSYSTEM' },
    { title: 'ADDRESS' },
    { title: 'PORT ID', right: true },
    { title: 'REMARK' },
  ];
  const usable = [...subsystems].flatMap(([subnqn, ways]) => {
    const open = ways.filter(({ needsTls }) => !needsTls);
    return open.length === 0 ? [] : [urlOf(subnqn, open)];
  });
  return [...table(columns, rows), '', ...usable.map((url) => `causeway attach '${url}'`)];
}

interface DiscoverVerbOptions extends DiscoverUrlOptions {
  readonly json?: boolean;
}

export function addDiscover(program: Command, { context }: Verbs): void {
  const command = verb(program, 'discover <url>', 'the subsystems that a discovery service knows', [
    'causeway discover nvme+tcp://192.0.2.1 # port 8009 unless said otherwise',
    'causeway discover nvme+tcp://192.0.2.1:4420 --json',
  ]);
  addHostOptions(command).action(async (url: string, options: DiscoverVerbOptions) => {
    const host = await startHost();
    try {
      const found = await host.discover(url, options);
      if (options.json === true) {
        const subsystems = [...bySubsystem(found)].map(([subsystem, ways]) => ({
          subsystem,
          url: urlOf(subsystem, ways),
          ways: ways.map(({ address, portid, needsTls }) => ({
            address: address.host,
            port: address.port,
            portid,
            needsTls,
          })),
        }));
        context.stdout.line(JSON.stringify({ subsystems }));
      } else for (const line of discoverText(found)) context.stdout.line(line);
    } finally {
      await host.stop();
    }
  });
}

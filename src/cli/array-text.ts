/** An array's statistics for people. */
import { formatCount, formatSize } from '../base/units.ts';
import { isRecord } from '../host/control-protocol.ts';
import { printable, table } from './text.ts';

function listOf(stats: unknown, key: string): readonly Record<string, unknown>[] {
  const list: unknown = isRecord(stats) ? stats[key] : null;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function sizeText(value: unknown): string {
  return typeof value === 'number' ? formatSize(value) : '–';
}

function addressText(value: unknown): string {
  return isRecord(value) ? `${String(value['host'])}:${String(value['port'])}` : '–';
}

/** @param stats what the array's process answered */
export function arrayText(name: string, stats: unknown): string[] {
  const ports = table(
    [
      { title: 'PORT', right: true },
      { title: 'ADDRESS' },
      { title: 'STATE' },
      { title: 'CONNECTIONS', right: true },
      { title: 'ANA' },
    ],
    listOf(stats, 'ports').map((port) => [
      String(port['portid']),
      addressText(port['address']),
      port['open'] === true ? 'open' : 'closed',
      String(port['connections']),
      Array.isArray(port['ana']) ? port['ana'].join(' ') : '',
    ]),
  );
  const volumes = table(
    [
      { title: 'NSID', right: true },
      { title: 'VOLUME' },
      { title: 'SIZE', right: true },
      { title: 'ALLOCATED', right: true },
    ],
    listOf(stats, 'volumes').map((volume) => [
      String(volume['nsid']),
      String(volume['name']),
      sizeText(volume['sizeBytes']),
      sizeText(volume['allocatedBytes']),
    ]),
  );
  const hosts = table(
    [
      { title: 'CNTLID', right: true },
      { title: 'PORT', right: true },
      { title: 'KIND' },
      { title: 'QUEUES', right: true },
    ],
    listOf(stats, 'controllers').map((controller) => [
      String(controller['cntlid']),
      String(controller['portid']),
      String(controller['kind']),
      String(controller['ioQueues']),
    ]),
  );
  const commands = isRecord(stats) && typeof stats['commands'] === 'number' ? formatCount(stats['commands']) : '–';
  return [printable(`${name}: ${commands} commands so far`), '', ...ports, '', ...volumes, '', ...hosts];
}

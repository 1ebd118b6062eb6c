/** Asks instances of this host what they serve. What comes back is another process's word, checked as far as we rely on it. */
import { CausewayError } from '../base/errors.ts';
import { filterKinds, type FilterReport } from '../filters/spec.ts';
import { callControl } from '../host/control-client.ts';
import { isRecord } from '../host/control-protocol.ts';
import type { DeviceView, HolderView } from '../host/view.ts';
import type { InstanceView } from './instance.ts';

function isDeviceView(value: unknown): value is DeviceView {
  if (!isRecord(value) || !isRecord(value['counters']) || !Array.isArray(value['paths'])) return false;
  const hasTexts = ['name', 'state', 'device', 'identity', 'transport'].every((key) => typeof value[key] === 'string');
  return hasTexts && value['paths'].every((path) => isRecord(path) && isRecord(path['counters']));
}

function isInstanceView(value: unknown): value is InstanceView {
  if (!isRecord(value) || typeof value['name'] !== 'string' || typeof value['pid'] !== 'number') return false;
  const { device, array } = value;
  return (
    (device === null || isDeviceView(device)) && (array === null || (isRecord(array) && Array.isArray(array['ports'])))
  );
}

function isHolderView(value: unknown): value is HolderView {
  return isRecord(value) && typeof value['kind'] === 'string' && typeof value['name'] === 'string';
}

/** @throws CausewayError of callControl */
export async function askInstance(name: string, timeout?: number): Promise<InstanceView> {
  const value = await callControl(name, 'show', {}, timeout);
  if (isInstanceView(value)) return value;
  throw new CausewayError('control-protocol', `${name} answered with something that this version does not understand`);
}

/** @throws CausewayError `no-such-device` if it is an array, and those of callControl */
export async function askDevice(name: string): Promise<DeviceView> {
  const { device } = await askInstance(name);
  if (device !== null) return device;
  throw new CausewayError('no-such-device', `${name} is an array: it serves no device of its own`, {
    hint: `\`causeway array show ${name}\` shows the array.`,
  });
}

function isFilterReport(value: unknown): value is FilterReport {
  return isRecord(value) && filterKinds.some((kind) => kind === value['kind']) && typeof value['text'] === 'string';
}

/** What the filters of each reactor say. @throws CausewayError of callControl */
export async function askFilters(name: string): Promise<readonly (readonly FilterReport[])[]> {
  const value = await callControl(name, 'filters');
  if (!Array.isArray(value)) return [];
  return value.map((reports: unknown) => (Array.isArray(reports) ? reports.filter(isFilterReport) : []));
}

/** @throws CausewayError of callControl */
export async function askHolders(name: string): Promise<readonly HolderView[]> {
  const value = await callControl(name, 'holders');
  return Array.isArray(value) ? value.filter(isHolderView) : [];
}

/** Asks instances of this host what they serve. What comes back is another process's word, checked as far as we rely on it. */
import { CausewayError } from '../base/errors.ts';
import { filterKinds, type FilterReport } from '../filters/spec.ts';
import type { PolicySettings } from '../host/contract.ts';
import { callControl } from '../host/control-client.ts';
import { isRecord, type Params } from '../host/control-protocol.ts';
import type { StatisticsView } from '../host/statistics-view.ts';
import type { DeviceView, HolderView } from '../host/view.ts';
import { checkedPolicy, policyOf } from '../multipath/policy.ts';
import type { InstanceView } from './instance.ts';

function isDeviceView(value: unknown): value is DeviceView {
  if (!isRecord(value) || !isRecord(value['counters']) || !Array.isArray(value['paths'])) return false;
  const hasTexts = ['name', 'state', 'device', 'identity', 'transport'].every((key) => typeof value[key] === 'string');
  return hasTexts && value['paths'].every((path) => isRecord(path) && isRecord(path['counters']));
}

function isLatencies(value: unknown): boolean {
  return isRecord(value) && isRecord(value['reads']) && isRecord(value['writes']);
}

function isStatisticsView(value: unknown): value is StatisticsView {
  if (!isRecord(value) || !isLatencies(value['latency']) || !Array.isArray(value['errors'])) return false;
  const { waits, paths } = value;
  if (!isRecord(waits) || !isRecord(waits['quarantine']) || !isRecord(waits['held']) || !Array.isArray(paths))
    return false;
  return paths.every((path) => {
    if (!isRecord(path) || !isLatencies(path['latency']) || !Array.isArray(path['outcomes'])) return false;
    const { history } = path;
    return isRecord(history) && isRecord(history['time']) && Array.isArray(history['last']);
  });
}

function isInstanceView(value: unknown): value is InstanceView {
  if (!isRecord(value) || typeof value['name'] !== 'string' || typeof value['pid'] !== 'number') return false;
  const { device, array, words } = value;
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) return false;
  return (
    typeof value['directory'] === 'string' &&
    (device === null || isDeviceView(device)) &&
    (array === null || (isRecord(array) && Array.isArray(array['ports'])))
  );
}

function isHolderView(value: unknown): value is HolderView {
  return isRecord(value) && typeof value['kind'] === 'string' && typeof value['name'] === 'string';
}

/** @throws CausewayError of callControl */
export async function askInstance(name: string, timeout?: number, params: Params = {}): Promise<InstanceView> {
  const value = await callControl(name, 'show', params, timeout);
  if (isInstanceView(value)) return value;
  throw notUnderstood(name);
}

/** @throws CausewayError `no-such-device` if it is an array, and those of callControl */
export async function askDevice(name: string): Promise<DeviceView> {
  return deviceOf(await askInstance(name));
}

export interface DeviceWithStatistics {
  readonly device: DeviceView;
  readonly statistics: StatisticsView;
}

/** Both of the same moment. @throws as `askDevice` */
export async function askStatistics(name: string): Promise<DeviceWithStatistics> {
  const view = await askInstance(name, undefined, { statistics: true });
  const device = deviceOf(view);
  if (isStatisticsView(view.statistics)) return { device, statistics: view.statistics };
  throw notUnderstood(name);
}

function deviceOf({ name, device }: InstanceView): DeviceView {
  if (device !== null) return device;
  throw new CausewayError('no-such-device', `${name} is an array: it serves no device of its own`, {
    hint: `\`causeway array show ${name}\` shows the array.`,
  });
}

function notUnderstood(name: string): CausewayError {
  return new CausewayError('control-protocol', `${name} answered with something that this version does not understand`);
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

function isPolicy(value: unknown): value is Required<PolicySettings> {
  if (!isRecord(value) || !isRecord(value['weights'])) return false;
  const { weights, ...rest } = value;
  const isWhole = Object.keys(policyOf({})).every((key) => Object.hasOwn(rest, key));
  return isWhole && Object.keys(checkedPolicy(rest)).length > 0 && Object.values(weights).every(Number.isInteger);
}

/** @throws CausewayError of callControl */
export async function askPolicy(name: string): Promise<Required<PolicySettings>> {
  const value = await callControl(name, 'policy');
  if (isPolicy(value)) return value;
  throw notUnderstood(name);
}

/** @throws CausewayError of callControl */
export async function askHolders(name: string): Promise<readonly HolderView[]> {
  const value = await callControl(name, 'holders');
  return Array.isArray(value) ? value.filter(isHolderView) : [];
}

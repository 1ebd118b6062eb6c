/**
 * Causeway as a library. `attach` connects a volume over all its paths and gives it to the program; `serve` makes a
 * kernel block device (`/dev/causeway/<name>`) of an attached volume or of any object with `read` and `write`.
 *
 * ```ts
 * const volume = await attach('nvme+tcp://10.0.0.1,10.0.1.1/nqn.2014-08.org.example:volume1');
 * const served = await serve(volume, { name: 'data' });
 * console.log(served.device); // /dev/loop0
 * await served.close();
 * await volume.close();
 * ```
 *
 * Everything that fails does so with a `CausewayError`, which has a stable `code`.
 */
export { CausewayError, type ErrorCode } from './base/errors.ts';
export { type ArrayAuthentication, type ArrayHandle, type ArrayOptions, startArray } from './demo/array-thread.ts';
export type { DelayOptions } from './filters/delay.ts';
export type { ErrorOptions } from './filters/error.ts';
export { parseFilter } from './filters/parse.ts';
export type { FilterReport, FilterSpec } from './filters/spec.ts';
export type { PolicyConsent, PolicySettings } from './host/contract.ts';
export type { LatencyBucket } from './base/latencies.ts';
export type { PathChange, PathHistoryView } from './host/path-history.ts';
export type {
  LatenciesView,
  LatencyView,
  PathStatisticsView,
  StatisticsView,
  WaitView,
} from './host/statistics-view.ts';
export type { DeviceCounters, DeviceView, HolderView, HostEvent, PathCounters, PathView } from './host/view.ts';
export { attach } from './library/attach.ts';
export type { AttachOptions, CloseOptions, ServeOptions } from './library/options.ts';
export { serve, type Served } from './library/serve.ts';
export type { UserDevice } from './library/user-device.ts';
export type { Volume } from './library/volume.ts';

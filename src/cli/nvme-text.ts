/** What NVMe data means, for people: facts under the specification's names, and tables. */
import { formatSize } from '../base/units.ts';
import type { AnaLog } from '../fabric/nvme-tcp/ana-log.ts';
import { anaState, cmic, oncs } from '../fabric/nvme-tcp/constants.ts';
import type { ErrorEntry } from '../fabric/nvme-tcp/error-log.ts';
import type { IdentifyController } from '../fabric/nvme-tcp/identify-controller.ts';
import type { IdentifyNamespace } from '../fabric/nvme-tcp/identify-namespace.ts';
import { type ReservationStatus, reservationTypes } from '../fabric/nvme-tcp/reservation.ts';
import { criticalWarnings, type SmartLog } from '../fabric/nvme-tcp/smart-log.ts';
import { outcomeName } from '../fabric/nvme-tcp/status.ts';
import { table } from './text.ts';

/** A field, its value, and what that means. */
type Fact = readonly [name: string, value: string, meaning?: string];

function facts(rows: readonly Fact[]): string[] {
  return table(
    [{ title: 'FIELD' }, { title: 'VALUE' }, { title: 'MEANING' }],
    rows.map(([name, value, meaning]) => [name, value, meaning ?? '']),
  );
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** The names of the bits that are set. */
function bits(value: number, names: Readonly<Record<string, number>>): string {
  return Object.keys(names)
    .filter((name) => (value & (names[name] ?? 0)) !== 0)
    .join(', ');
}

/** ONCS, all of it: what the host uses of it stands in constants.ts. */
const optionalCommands = {
  compare: 1,
  'write uncorrectable': 2,
  'dataset management': oncs.datasetManagement,
  'write zeroes': oncs.writeZeroes,
  'save and select of features': 16,
  reservations: oncs.reservations,
  timestamp: 64,
  verify: 128,
  copy: 256,
};

export function controllerText(id: IdentifyController): string[] {
  return facts([
    ['sn', id.sn],
    ['mn', id.mn],
    ['fr', id.fr],
    ['subnqn', id.subnqn ?? ''],
    ['ver', `${id.ver >>> 16}.${(id.ver >>> 8) & 0xff}.${id.ver & 0xff}`],
    ['cntlid', String(id.cntlid)],
    ['cntrltype', String(id.cntrltype), ['not reported', 'I/O', 'discovery', 'administrative'][id.cntrltype] ?? ''],
    [
      'cmic',
      hex(id.cmic),
      bits(id.cmic, {
        'several ports': cmic.multiPort,
        'several controllers': cmic.multiController,
        ANA: cmic.anaReporting,
      }),
    ],
    ['mdts', String(id.mdts), id.mdts === 0 ? 'no limit' : `2^${id.mdts} pages of the least page size`],
    ['kas', String(id.kas), `keep-alive in steps of ${id.kas * 100} ms`],
    ['cqt', String(id.cqt), id.cqt === 0 ? 'not reported' : 'ms until a lost controller has stopped'],
    ['ccrl', String(id.ccrl), 'cross-controller resets at once'],
    ['anatt', String(id.anatt), 's that an ANA transition may take'],
    ['anagrpmax', String(id.anagrpmax)],
    ['nanagrpid', String(id.nanagrpid)],
    ['nn', String(id.nn)],
    ['mnan', String(id.mnan)],
    ['maxcmd', String(id.maxcmd)],
    ['acl', String(id.acl), `${id.acl + 1} Aborts at once`],
    ['aerl', String(id.aerl), `${id.aerl + 1} event requests at once`],
    ['oacs', hex(id.oacs)],
    ['oncs', hex(id.oncs), bits(id.oncs, optionalCommands)],
    ['vwc', hex(id.vwc), (id.vwc & 1) === 0 ? 'no volatile write cache' : 'a volatile write cache'],
    ['ioccsz', String(id.ioccsz), `${id.ioccsz * 16} bytes of command and data in a capsule`],
    ['icdoff', String(id.icdoff)],
    ['ctratt', hex(id.ctratt)],
    ['sgls', hex(id.sgls)],
  ]);
}

export function namespaceText(id: IdentifyNamespace): string[] {
  const format = id.lbaf[id.flbas & 15];
  const blockBytes = format === undefined ? 0 : 2 ** format.lbads;
  const size = (blocks: number): string => formatSize(blocks * blockBytes);
  return facts([
    ['nsze', String(id.nsze), size(id.nsze)],
    ['ncap', String(id.ncap), size(id.ncap)],
    ['nuse', String(id.nuse), size(id.nuse)],
    ['nguid', id.nguid],
    ['eui64', id.eui64],
    [
      'flbas',
      hex(id.flbas),
      `blocks of ${blockBytes} bytes${(format?.ms ?? 0) === 0 ? '' : `, ${format?.ms} of metadata`}`,
    ],
    ['nlbaf', String(id.nlbaf), `${id.lbaf.length} format${id.lbaf.length === 1 ? '' : 's'}`],
    ['nmic', hex(id.nmic), (id.nmic & 1) === 0 ? 'one controller' : 'may be shared by controllers'],
    ['rescap', hex(id.rescap), id.rescap === 0 ? 'no reservations' : 'reservations'],
    ['dlfeat', hex(id.dlfeat)],
    ['noiob', String(id.noiob)],
    ['anagrpid', String(id.anagrpid)],
    ['nsattr', hex(id.nsattr), (id.nsattr & 1) === 0 ? 'writable' : 'write protected'],
  ]);
}

function celsius(kelvin: number): string {
  return kelvin === 0 ? 'not reported' : `${kelvin - 273} °C`;
}

/** Thousands of 512 bytes. */
function dataUnits(units: bigint): string {
  return formatSize(Number(units) * 512_000);
}

export function smartText(log: SmartLog): string[] {
  const warnings = criticalWarnings.filter((_name, bit) => ((log.criticalWarning >>> bit) & 1) !== 0).join(', ');
  return facts([
    ['critical warning', hex(log.criticalWarning), warnings === '' ? 'none' : warnings],
    ['composite temperature', String(log.compositeTemperature), celsius(log.compositeTemperature)],
    ['available spare', `${log.availableSpare}%`],
    ['available spare threshold', `${log.availableSpareThreshold}%`],
    ['percentage used', `${log.percentageUsed}%`],
    ['data units read', String(log.dataUnitsRead), dataUnits(log.dataUnitsRead)],
    ['data units written', String(log.dataUnitsWritten), dataUnits(log.dataUnitsWritten)],
    ['host read commands', String(log.hostReadCommands)],
    ['host write commands', String(log.hostWriteCommands)],
    ['controller busy time', String(log.controllerBusyTime), 'minutes'],
    ['power cycles', String(log.powerCycles)],
    ['power on hours', String(log.powerOnHours)],
    ['unsafe shutdowns', String(log.unsafeShutdowns)],
    ['media errors', String(log.mediaErrors)],
    ['error log entries', String(log.errorLogEntries)],
    ['warning temperature time', String(log.warningTemperatureTime), 'minutes'],
    ['critical temperature time', String(log.criticalTemperatureTime), 'minutes'],
    ...log.temperatureSensors.flatMap((kelvin, index): Fact[] =>
      kelvin === 0 ? [] : [[`temperature sensor ${index + 1}`, String(kelvin), celsius(kelvin)]],
    ),
  ]);
}

const anaNames: Readonly<Record<number, string>> = {
  [anaState.optimized]: 'optimized',
  [anaState.nonOptimized]: 'non-optimized',
  [anaState.inaccessible]: 'inaccessible',
  [anaState.persistentLoss]: 'persistent-loss',
  [anaState.change]: 'change',
};

export function anaText(log: AnaLog): string[] {
  const columns = [
    { title: 'GROUP', right: true },
    { title: 'STATE' },
    { title: 'CHANGES', right: true },
    { title: 'NAMESPACES' },
  ];
  const rows = log.groups.map(({ anagrpid, state, chgcnt, nsids }) => [
    String(anagrpid),
    anaNames[state] ?? hex(state),
    String(chgcnt),
    nsids.join(', '),
  ]);
  return [`change count ${log.chgcnt}`, ...table(columns, rows)];
}

export function errorLogText(entries: readonly ErrorEntry[]): string[] {
  if (entries.length === 0) return ['No errors are recorded.'];
  const columns = [
    { title: 'ERROR', right: true },
    { title: 'QUEUE', right: true },
    { title: 'CID', right: true },
    { title: 'NSID', right: true },
    { title: 'LBA', right: true },
    { title: 'STATUS' },
  ];
  return table(
    columns,
    entries.map((entry) => [
      String(entry.errorCount),
      String(entry.sqid),
      hex(entry.cid),
      String(entry.nsid),
      String(entry.lba),
      `${hex(entry.status)} ${outcomeName(entry.status)}`,
    ]),
  );
}

export function reservationText({ generation, type, isPersistent, registrants }: ReservationStatus): string[] {
  const columns = [
    { title: 'CNTLID', right: true },
    { title: 'KEY', right: true },
    { title: 'HOLDER' },
    { title: 'HOST ID' },
  ];
  return [
    `reservation ${reservationTypes[type] ?? type}, generation ${generation}${isPersistent ? ', through a loss of power' : ''}`,
    ...table(
      columns,
      registrants.map(({ cntlid, key, isHolder, hostid }) => [
        cntlid === 0xffff ? '–' : String(cntlid),
        `0x${key.toString(16)}`,
        isHolder ? 'yes' : '',
        hostid,
      ]),
    ),
  ];
}

/** Bytes as a table of sixteen a line; rows that say the same as the one before are left out. */
export function hexDump(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let before = '';
  let isSkipping = false;
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const numbers = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    if (numbers === before) {
      if (!isSkipping) lines.push('*');
      isSkipping = true;
      continue;
    }
    isSkipping = false;
    before = numbers;
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${numbers.padEnd(47)}  ${text}`);
  }
  return lines;
}

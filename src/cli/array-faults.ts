/** Faults of an array: from the words of the command line to what its process is asked for. */
import { CausewayError } from '../base/errors.ts';
import type { Params } from '../host/control-protocol.ts';

/** Ports in words of their own; everything else is a method of the array's fault interface, by its name. */
const portStates: Readonly<Record<string, string>> = {
  'port-open': 'open',
  'port-close': 'closed',
  'port-blackhole': 'blackholed',
};

/** For the help. */
export const faultWords: readonly string[] = [
  'port-close PORT              cut its connections and refuse new ones',
  'port-open PORT               end whatever is wrong with it',
  'port-blackhole PORT          connections stay open, nothing is read or answered',
  'cutPort PORT                 cut its connections; it goes on listening',
  'refusePort PORT              accept new connections and close them at once',
  'delayAnswers PORT MS         answer late',
  'delayExecution PORT milliseconds=MS [writesOnly=true]',
  'ghostWrites PORT milliseconds=MS [onReset=drop|run]   execute held writes after their connection died',
  'forceStatus PORT COUNT STATUS                         answer the next commands with this status',
  'hangCommands PORT COUNT      the next I/O commands are never answered, unless they are aborted',
  'corruptDigests PORT header|data COUNT                 send wrong digests',
  'setAna PORT GROUP optimized|non-optimized|inaccessible|persistent-loss|change',
  'endController CNTLID         end a controller with its connections',
  'loseCache CNTLID|all         lose what was not flushed',
  'resizeVolume NSID BYTES      change the size of a volume',
  'setReadOnly NSID true|false  change its write protection',
  'addVolume name=NAME sizeBytes=BYTES, removeVolume NSID',
];

export interface FaultRequest {
  readonly method: 'array-port' | 'array-fault';
  readonly params: Params;
}

/** @throws CausewayError `wrong-usage`, `invalid-argument` */
export function faultRequest(fault: string, args: readonly string[]): FaultRequest {
  const state = Object.hasOwn(portStates, fault) ? portStates[fault] : undefined;
  if (state !== undefined) {
    const [port, ...more] = args;
    if (port === undefined || more.length > 0) {
      throw new CausewayError('wrong-usage', `${fault} takes one port, by its number`);
    }
    if (!/^[1-9]\d{0,4}$/.test(port)) {
      throw new CausewayError('invalid-argument', `${JSON.stringify(port.slice(0, 40))} is no number of a port`);
    }
    return { method: 'array-port', params: { port: Number(port), state } };
  }
  return { method: 'array-fault', params: { fault, args: faultArguments(args) } };
}

/** Plain words in their order, and `key=value` words together as one object behind them. */
function faultArguments(args: readonly string[]): unknown[] {
  const plain: unknown[] = [];
  const named: [string, unknown][] = [];
  for (const word of args) {
    const match = /^([a-zA-Z]\w*)=(.*)$/s.exec(word);
    if (match === null) plain.push(valueOf(word));
    else named.push([match[1] ?? '', valueOf(match[2] ?? '')]);
  }
  return named.length === 0 ? plain : [...plain, Object.fromEntries(named)];
}

function valueOf(word: string): unknown {
  if (word === 'true' || word === 'false') return word === 'true';
  if (word === 'null') return null;
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(word)) return Number(word);
  if (/^0x[0-9a-f]{1,8}$/i.test(word)) return Number(word);
  return word;
}

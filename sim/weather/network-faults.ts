/** What goes wrong between host and array. */
import { errno } from '../../src/native/errno.ts';
import { anyPort, during, type Fault, hostOf } from './stand.ts';

export const drop: Fault = async (call) => {
  const port = anyPort(call);
  call.stand.note(`connections of port ${port} are reset by the network`);
  call.stand.network.drop(hostOf(port));
};

/** Of a reactor other than the first this is its one queue pair of that controller. */
export const dropOneReactor: Fault = async (call) => {
  const port = anyPort(call);
  const reactor = call.random.below(call.stand.scenario.host.reactors);
  call.stand.note(`connections of reactor ${reactor} to port ${port} are reset by the network`);
  call.stand.network.drop(hostOf(port), `host${reactor}`);
};

export const blackhole: Fault = async (call) => {
  const where = hostOf(anyPort(call));
  const { network } = call.stand;
  await during(
    call,
    `the network swallows everything to and from ${where}`,
    () => network.blackhole(where),
    () => network.heal(where),
  );
};

export const blackholeOneReactor: Fault = async (call) => {
  const where = hostOf(anyPort(call));
  const from = `host${call.random.below(call.stand.scenario.host.reactors)}`;
  const { network } = call.stand;
  await during(
    call,
    `the network swallows everything between ${from} and ${where}`,
    () => network.blackhole(where, from),
    () => network.heal(where, from),
  );
};

export const slowNetwork: Fault = async (call) => {
  const where = hostOf(anyPort(call));
  const { network } = call.stand;
  const max = 2 + call.random.float() * 120;
  await during(
    call,
    `the network takes up to ${max.toFixed(0)} ms to and from ${where}`,
    () => network.delay(where, { min: 0.1, max }),
    () => network.delay(where, null),
  );
};

export const refuseConnections: Fault = async (call) => {
  const where = hostOf(anyPort(call));
  const { network } = call.stand;
  const error = call.random.below(2) === 0 ? errno.ECONNREFUSED : errno.EHOSTUNREACH;
  await during(
    call,
    `new connections to ${where} fail`,
    () => network.refuse(where, error),
    () => network.admit(where),
  );
};

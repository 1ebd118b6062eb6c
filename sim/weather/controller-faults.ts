/** What goes wrong with controllers: their end, their caches, their ANA states. */
import { CausewayError } from '../../src/base/errors.ts';
import { anyPort, everyPort, type Fault, type FaultCall } from './stand.ts';

const anaStates = ['optimized', 'non-optimized', 'inaccessible', 'persistent-loss', 'change'] as const;

export const endController: Fault = async (call) => {
  const port = anyPort(call);
  call.stand.note(`the array ends a controller of port ${port}`);
  call.stand.array.endController(port, call.random);
};

export const resetByAdministrator: Fault = async (call) => {
  const port = anyPort(call);
  const number = call.stand.host.pathOver(port)?.association;
  for (const association of call.stand.host.fabricLead.associations) {
    if (association.number !== number) continue;
    call.stand.note(`the administrator has the controller of port ${port} reset`);
    association.reset(new CausewayError('nvme-connection-lost', 'reset by the administrator'));
  }
};

/** A controller breaks down, and what its cache held is gone. */
export const loseCache: Fault = async (call) => {
  const { stand, random } = call;
  const port = anyPort(call);
  stand.burst();
  await stand.clock.sleep(random.float() * 5);
  await stand.array.exclusively(async (array) => {
    const cntlid = stand.array.endController(port, random);
    if (cntlid === null) return;
    await lose(call, cntlid, () => array.faults.loseCache(cntlid));
  });
  stand.burst();
};

/** All controllers break down at once. */
export const powerFailure: Fault = async (call) => {
  const { stand, random } = call;
  stand.burst();
  await stand.clock.sleep(random.float() * 5);
  await stand.array.exclusively(async (array) => {
    for (const port of everyPort(stand)) array.faults.cutPort(port);
    for (const { cntlid, ended } of array.stats.controllers) if (!ended) array.faults.endController(cntlid);
    await lose(call, 'all', () => array.faults.loseCache('all'));
  });
  stand.burst();
};

async function lose({ stand }: FaultCall, cntlid: number | 'all', act: () => Promise<void>): Promise<void> {
  stand.note(`what the write cache of ${cntlid === 'all' ? 'every controller' : `controller ${cntlid}`} held is lost`);
  stand.lossBegins();
  await act();
  stand.lossEnds();
}

export const ana: Fault = async (call) => {
  const { stand, random, duration } = call;
  const port = anyPort(call);
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const state = anaStates[random.below(anaStates.length)]!;
    stand.note(`ANA: port ${port} becomes ${state}`);
    stand.array.withFaults((faults) => faults.setAna(port, 1, state));
    await stand.clock.sleep((duration / 3) * random.float());
  }
  stand.note(`ANA: port ${port} becomes optimized`);
  stand.array.withFaults((faults) => faults.setAna(port, 1, 'optimized'));
};

/** The volume moves: all ports change, and for a while none may be good. */
export const anaEverywhere: Fault = async (call) => {
  const { stand, random, duration } = call;
  for (const port of everyPort(stand)) {
    const state = anaStates[random.below(anaStates.length)]!;
    stand.note(`ANA: port ${port} becomes ${state}`);
    stand.array.withFaults((faults) => faults.setAna(port, 1, state));
  }
  await stand.clock.sleep(duration);
  for (const port of everyPort(stand)) stand.array.withFaults((faults) => faults.setAna(port, 1, 'optimized'));
  stand.note('ANA: every port is optimized');
};

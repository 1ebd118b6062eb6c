import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import {
  checkIoController,
  inCapsuleBytes,
  retryDelayMs,
  transferBytes,
  writeZeroesBytes,
} from './controller-limits.ts';
import { readIdentifyController, writeIdentifyController, type IdentifyController } from './identify-controller.ts';

const view = new DataView(new ArrayBuffer(4096));
const usual = {
  cntlid: 1,
  mdts: 5,
  sqes: 0x66,
  cqes: 0x44,
  nn: 1,
  ioccsz: 4 + 256,
  iorcsz: 1,
  crdt1: 1,
  crdt2: 20,
  crdt3: 300,
};

function controller(change: Partial<IdentifyController> = {}): IdentifyController {
  writeIdentifyController(view, 0, { ...usual, ...change });
  return readIdentifyController(view, 0);
}

test('a usual controller is accepted, one that cannot work is refused by name', () => {
  checkIoController(controller());
  checkIoController(controller({ sqes: 0x64, cqes: 0xf0 }));
  const cases: [Partial<IdentifyController>, string][] = [
    [{ cntlid: 0xfff0 }, 'nvme-malformed'],
    [{ mdts: 33 }, 'nvme-malformed'],
    [{ nn: 0 }, 'nvme-malformed'],
    [{ ioccsz: 3 }, 'nvme-malformed'],
    [{ iorcsz: 0 }, 'nvme-malformed'],
    [{ sqes: 0x77 }, 'nvme-unsupported-controller'],
    [{ sqes: 0x55 }, 'nvme-unsupported-controller'],
    [{ cqes: 0x55 }, 'nvme-unsupported-controller'],
    [{ icdoff: 1 }, 'nvme-unsupported-controller'],
  ];
  for (const [change, code] of cases) {
    const refused = (error: unknown): boolean => error instanceof CausewayError && error.code === code;
    assert.throws(() => checkIoController(controller(change)), refused, JSON.stringify(change));
  }
});

test('limits in bytes', () => {
  assert.equal(inCapsuleBytes(controller()), 4096);
  assert.equal(inCapsuleBytes(controller({ ioccsz: 4 })), 0);
  assert.equal(inCapsuleBytes(controller({ ioccsz: 0xffff_ffff })), 0x7fff_ffff);
  assert.equal(transferBytes(controller(), 4096), 131072);
  assert.equal(transferBytes(controller({ mdts: 0 }), 4096), Number.POSITIVE_INFINITY);
  const nvm = { vsl: 0, wzsl: 2, wusl: 0, dmrl: 0, dmrsl: 0, dmsl: 0 };
  assert.equal(writeZeroesBytes(controller(), nvm, 4096, 512), 16384);
  assert.equal(
    writeZeroesBytes(controller(), { ...nvm, wzsl: 0 }, 4096, 512),
    131072,
    'MDTS where nothing else is said',
  );
  assert.equal(writeZeroesBytes(controller({ mdts: 0 }), null, 4096, 512), 65536 * 512, 'what NLB can name');
  assert.deepEqual(
    [0, 1, 2, 3].map((crd) => retryDelayMs(controller(), crd)),
    [0, 100, 2000, 30000],
  );
});

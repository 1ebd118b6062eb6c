import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as abi from './abi.ts';

type Fields = readonly (readonly [name: string, bytes: number])[];

/** Offsets by name, and the size, of a C structure: every field at a multiple of its own size. */
function layout(fields: Fields): { at: ReadonlyMap<string, number>; bytes: number } {
  const at = new Map<string, number>();
  let bytes = 0;
  for (const [name, size] of fields) {
    bytes = Math.ceil(bytes / size) * size;
    at.set(name, bytes);
    bytes += size;
  }
  return { at, bytes };
}

function prove(fields: Fields, bytes: number, offsets: Readonly<Record<string, number>>): void {
  const found = layout(fields);
  assert.equal(found.bytes, bytes);
  for (const [name, offset] of Object.entries(offsets)) assert.equal(offset, found.at.get(name), name);
}

// Fields and sizes as in include/uapi/linux/ublk_cmd.h.

test('ublksrv_ctrl_cmd', () => {
  prove(
    [
      ['devId', 4],
      ['queueId', 2],
      ['len', 2],
      ['addr', 8],
      ['data', 8],
      ['devPathLen', 2],
      ['pad', 2],
      ['reserved', 4],
    ],
    abi.controlCommandBytes,
    abi.controlCommandField,
  );
});

test('ublksrv_ctrl_dev_info', () => {
  prove(
    [
      ['nrHwQueues', 2],
      ['queueDepth', 2],
      ['state', 2],
      ['pad0', 2],
      ['maxIoBufBytes', 4],
      ['devId', 4],
      ['ublksrvPid', 4],
      ['pad1', 4],
      ['flags', 8],
      ['ublksrvFlags', 8],
      ['ownerUid', 4],
      ['ownerGid', 4],
      ['reserved1', 8],
      ['reserved2', 8],
    ],
    abi.devInfoBytes,
    abi.devInfoField,
  );
});

test('ublk_params: header, ublk_param_basic, ublk_param_discard', () => {
  prove(
    [
      ['len', 4],
      ['types', 4],
      ['attrs', 4],
      ['logicalBsShift', 1],
      ['physicalBsShift', 1],
      ['ioOptShift', 1],
      ['ioMinShift', 1],
      ['maxSectors', 4],
      ['chunkSectors', 4],
      ['devSectors', 8],
      ['virtBoundaryMask', 8],
      ['discardAlignment', 4],
      ['discardGranularity', 4],
      ['maxDiscardSectors', 4],
      ['maxWriteZeroesSectors', 4],
      ['maxDiscardSegments', 2],
      ['reserved0', 2],
    ],
    abi.paramsBytes,
    abi.paramsField,
  );
});

test('ublksrv_io_desc and ublksrv_io_cmd', () => {
  prove(
    [
      ['opFlags', 4],
      ['nrSectors', 4],
      ['startSector', 8],
      ['addr', 8],
    ],
    abi.ioDescBytes,
    abi.ioDescField,
  );
  prove(
    [
      ['qId', 2],
      ['tag', 2],
      ['result', 4],
      ['addr', 8],
    ],
    abi.ioCommandBytes,
    abi.ioCommandField,
  );
});

test('commands are ioctl-encoded: direction, size of the structure, "u", number', () => {
  // _IOR('u', 0x02, struct ublksrv_ctrl_cmd), and so on.
  assert.deepEqual(abi.controlCommand, {
    getDevInfo: 0x80207502,
    addDev: 0xc0207504,
    delDev: 0xc0207505,
    startDev: 0xc0207506,
    stopDev: 0xc0207507,
    setParams: 0xc0207508,
    startUserRecovery: 0xc0207510,
    endUserRecovery: 0xc0207511,
    getFeatures: 0x80207513,
    delDevAsync: 0x80207514,
    updateSize: 0xc0207515,
    tryStopDev: 0xc0207517,
  });
  assert.deepEqual(abi.ioCommand, { fetchReq: 0xc0107520, commitAndFetchReq: 0xc0107521 });
});

test('descriptors: whole pages of a queue, the stride that of the deepest one', () => {
  assert.equal(abi.descriptorBytes(1), 4096);
  assert.equal(abi.descriptorBytes(170), 4096);
  assert.equal(abi.descriptorBytes(171), 8192);
  assert.equal(abi.descriptorOffset(0), 0);
  assert.equal(abi.descriptorOffset(3), 3 * 98304);
});

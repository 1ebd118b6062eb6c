import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as abi from './abi.ts';

type Fields = readonly (readonly [string, number])[];

/** Offsets by name, and the size, of a structure whose fields stand one behind the other (as all of FUSE's do). */
function layout(fields: Fields): { at: ReadonlyMap<string, number>; bytes: number } {
  const at = new Map<string, number>();
  let bytes = 0;
  for (const [name, size] of fields) {
    assert.equal(bytes % size > 0 && size <= 8, false, `${name} is not aligned`);
    at.set(name, bytes);
    bytes += size;
  }
  return { at, bytes };
}

function prove(fields: Fields, bytes: number, offsets: Readonly<Record<string, readonly [string, number]>>): void {
  const found = layout(fields);
  assert.equal(found.bytes, bytes);
  for (const [ours, [theirs, offset]] of Object.entries(offsets)) {
    assert.equal(offset, found.at.get(theirs), `${ours} is ${theirs}`);
  }
}

/** Fields and sizes as in include/uapi/linux/fuse.h. */
const attrFields: Fields = [
  ['ino', 8],
  ['size', 8],
  ['blocks', 8],
  ['atime', 8],
  ['mtime', 8],
  ['ctime', 8],
  ['atimensec', 4],
  ['mtimensec', 4],
  ['ctimensec', 4],
  ['mode', 4],
  ['nlink', 4],
  ['uid', 4],
  ['gid', 4],
  ['rdev', 4],
  ['blksize', 4],
  ['flags', 4],
];

test('headers', () => {
  prove(
    [
      ['len', 4],
      ['opcode', 4],
      ['unique', 8],
      ['nodeid', 8],
      ['uid', 4],
      ['gid', 4],
      ['pid', 4],
      ['total_extlen', 2],
      ['padding', 2],
    ],
    abi.inHeaderBytes,
    {
      len: ['len', abi.inHeader.len],
      opcode: ['opcode', abi.inHeader.opcode],
      unique: ['unique', abi.inHeader.unique],
      nodeId: ['nodeid', abi.inHeader.nodeId],
      totalExtLen: ['total_extlen', abi.inHeader.totalExtLen],
    },
  );
  prove(
    [
      ['len', 4],
      ['error', 4],
      ['unique', 8],
    ],
    abi.outHeaderBytes,
    { error: ['error', abi.outHeader.error], unique: ['unique', abi.outHeader.unique] },
  );
});

test('INIT', () => {
  prove(
    [
      ['major', 4],
      ['minor', 4],
      ['max_readahead', 4],
      ['flags', 4],
      ['flags2', 4],
      ['unused', 44],
    ],
    abi.initInBytes,
    { flags: ['flags', abi.initIn.flags], flags2: ['flags2', abi.initIn.flags2] },
  );
  prove(
    [
      ['major', 4],
      ['minor', 4],
      ['max_readahead', 4],
      ['flags', 4],
      ['max_background', 2],
      ['congestion_threshold', 2],
      ['max_write', 4],
      ['time_gran', 4],
      ['max_pages', 2],
      ['map_alignment', 2],
      ['flags2', 4],
      ['unused', 28],
    ],
    abi.initOutBytes,
    {
      flags: ['flags', abi.initOut.flags],
      maxBackground: ['max_background', abi.initOut.maxBackground],
      congestionThreshold: ['congestion_threshold', abi.initOut.congestionThreshold],
      maxWrite: ['max_write', abi.initOut.maxWrite],
      timeGranularity: ['time_gran', abi.initOut.timeGranularity],
      maxPages: ['max_pages', abi.initOut.maxPages],
      flags2: ['flags2', abi.initOut.flags2],
    },
  );
});

test('reads and writes', () => {
  const fields: Fields = [
    ['fh', 8],
    ['offset', 8],
    ['size', 4],
    ['flags of the request', 4],
    ['lock_owner', 8],
    ['flags', 4],
    ['padding', 4],
  ];
  prove(fields, abi.readInBytes, { offset: ['offset', abi.readIn.offset], size: ['size', abi.readIn.size] });
  prove(fields, abi.writeInBytes, {
    offset: ['offset', abi.writeIn.offset],
    size: ['size', abi.writeIn.size],
    writeFlags: ['flags of the request', abi.writeIn.writeFlags],
  });
  prove(
    [
      ['fh', 8],
      ['offset', 8],
      ['length', 8],
      ['mode', 4],
      ['padding', 4],
    ],
    abi.fallocateInBytes,
    {
      offset: ['offset', abi.fallocateIn.offset],
      length: ['length', abi.fallocateIn.length],
      mode: ['mode', abi.fallocateIn.mode],
    },
  );
});

test('attributes', () => {
  prove(attrFields, abi.attrBytes, {
    ino: ['ino', abi.attr.ino],
    size: ['size', abi.attr.size],
    blocks: ['blocks', abi.attr.blocks],
    mode: ['mode', abi.attr.mode],
    nlink: ['nlink', abi.attr.nlink],
    uid: ['uid', abi.attr.uid],
    gid: ['gid', abi.attr.gid],
    blksize: ['blksize', abi.attr.blksize],
  });
  prove([['attr_valid', 8], ['attr_valid_nsec', 4], ['dummy', 4], ...attrFields], abi.attrOutBytes, {
    attr: ['ino', abi.attrOutAttr],
  });
  prove(
    [
      ['valid', 4],
      ['padding', 4],
      ['fh', 8],
      ['size', 8],
      ['lock_owner', 8],
      ['atime', 8],
      ['mtime', 8],
      ['ctime', 8],
      ['atimensec', 4],
      ['mtimensec', 4],
      ['ctimensec', 4],
      ['mode', 4],
      ['unused4', 4],
      ['uid', 4],
      ['gid', 4],
      ['unused5', 4],
    ],
    abi.setattrInBytes,
    { valid: ['valid', abi.setattrIn.valid], size: ['size', abi.setattrIn.size] },
  );
});

test('file system and file position', () => {
  prove(
    [
      ['blocks', 8],
      ['bfree', 8],
      ['bavail', 8],
      ['files', 8],
      ['ffree', 8],
      ['bsize', 4],
      ['namelen', 4],
      ['frsize', 4],
      ['padding', 4],
      ['spare', 24],
    ],
    abi.statfsOutBytes,
    {
      blocks: ['blocks', abi.statfsOut.blocks],
      bsize: ['bsize', abi.statfsOut.bsize],
      namelen: ['namelen', abi.statfsOut.namelen],
      frsize: ['frsize', abi.statfsOut.frsize],
    },
  );
  prove(
    [
      ['fh', 8],
      ['offset', 8],
      ['whence', 4],
      ['padding', 4],
    ],
    abi.lseekInBytes,
    { offset: ['offset', abi.lseekIn.offset], whence: ['whence', abi.lseekIn.whence] },
  );
});

test('FUSE over io_uring', () => {
  prove(
    [
      ['in_out', 128],
      ['op_in', 128],
      ['flags', 8],
      ['commit_id', 8],
      ['payload_sz', 4],
      ['padding', 4],
      ['reserved', 8],
    ],
    abi.uringHeaderBytes,
    {
      inOut: ['in_out', abi.uringHeader.inOut],
      opIn: ['op_in', abi.uringHeader.opIn],
      entFlags: ['flags', abi.uringHeader.entFlags],
      entCommitId: ['commit_id', abi.uringHeader.entCommitId],
      entPayloadSize: ['payload_sz', abi.uringHeader.entPayloadSize],
    },
  );
  prove(
    [
      ['flags', 8],
      ['commit_id', 8],
      ['qid', 2],
      ['padding', 6],
    ],
    abi.uringRequestBytes,
    {
      flags: ['flags', abi.uringRequest.flags],
      commitId: ['commit_id', abi.uringRequest.commitId],
      qid: ['qid', abi.uringRequest.qid],
    },
  );
});

test('FUSE_DEV_IOC_CLONE is _IOR(229, 0, uint32_t)', () => {
  assert.equal(abi.deviceClone, 2 * 2 ** 30 + 4 * 2 ** 16 + 229 * 2 ** 8 + 0);
});

import assert from 'node:assert/strict';
import type { Deferred, File, FileOptions, FileOwner, Io } from '../contract.ts';
import type { ContractTest } from './bodies.ts';

const FILE_BYTES = 256 * 1024;
const BLOCK = 4096;

/** A file whose operations are promises; tokens are handed out in turn. */
class Paper implements FileOwner {
  readonly #io: Io;
  readonly #waiting = new Map<number, Deferred<number>>();
  #token = 2 ** 24 - 8;
  #inside = false;
  file!: File;

  constructor(io: Io) {
    this.#io = io;
  }

  async open(path: string, options: FileOptions): Promise<this> {
    this.file = await this.#io.openFile(path, this, options);
    return this;
  }

  do(work: (token: number) => void): Promise<number> {
    this.#token = (this.#token + 1) % 2 ** 24;
    const deferred = this.#io.deferred<number>();
    this.#waiting.set(this.#token, deferred);
    this.#inside = true;
    work(this.#token);
    this.#inside = false;
    return deferred.promise;
  }

  onFile(token: number, result: number): void {
    assert.equal(this.#inside, false, 'a file completed from inside a submission');
    const deferred = this.#waiting.get(token);
    assert.ok(deferred !== undefined, `nobody waits for token ${token}`);
    this.#waiting.delete(token);
    deferred.resolve(result);
  }
}

export const fileTests: Record<string, ContractTest> = {
  'a file is made sparse, and keeps what is written at any place': async (bodies, random) => {
    const { io } = bodies;
    const path = bodies.path('content');
    const paper = await new Paper(io).open(path, { createBytes: FILE_BYTES });
    assert.equal(paper.file.sizeBytes, FILE_BYTES);
    const model = new Uint8Array(FILE_BYTES);
    const place = io.memory.allocate(FILE_BYTES, 4096);
    for (let round = 0; round < 60; round += 1) {
      const position = random.below(FILE_BYTES);
      const length = 1 + random.below(Math.min(20_000, FILE_BYTES - position));
      const kind = random.below(4);
      if (kind === 0) {
        const punch = random.below(2) === 0;
        assert.equal(await paper.do((token) => paper.file.zero(token, position, length, punch)), 0);
        model.fill(0, position, position + length);
      } else {
        io.memory.fill(place, 1 + random.below(255), length);
        assert.equal(await paper.do((token) => paper.file.write(token, place, length, position)), length);
        model.set(io.memory.u8.subarray(place, place + length), position);
      }
    }
    assert.equal(await paper.do((token) => paper.file.sync(token)), 0);
    assert.equal(await paper.do((token) => paper.file.read(token, place, FILE_BYTES, 0)), FILE_BYTES);
    assert.deepEqual(io.memory.u8.slice(place, place + FILE_BYTES), model);
    await paper.file.close();
    const again = await new Paper(io).open(path, { readOnly: true });
    assert.equal(again.file.sizeBytes, FILE_BYTES);
    io.memory.fill(place, 0xee, FILE_BYTES);
    assert.equal(await again.do((token) => again.file.read(token, place, FILE_BYTES, 0)), FILE_BYTES);
    assert.deepEqual(io.memory.u8.slice(place, place + FILE_BYTES), model);
    await again.file.close();
  },

  'many file operations at once each come back to their own token': async (bodies, random) => {
    const { io } = bodies;
    const paper = await new Paper(io).open(bodies.path('many'), { createBytes: FILE_BYTES });
    const blocks = FILE_BYTES / BLOCK;
    const place = io.memory.allocate(FILE_BYTES, 4096);
    for (let block = 0; block < blocks; block += 1) io.memory.fill(place + block * BLOCK, random.below(256), BLOCK);
    const data = io.memory.u8.slice(place, place + FILE_BYTES);
    const each = Array.from({ length: blocks }, (_, block) => block * BLOCK);
    const writes = each.map((at) => paper.do((token) => paper.file.write(token, place + at, BLOCK, at)));
    assert.deepEqual(await Promise.all(writes), Array<number>(blocks).fill(BLOCK));
    io.memory.fill(place, 0, FILE_BYTES);
    const reads = each.map((at) => paper.do((token) => paper.file.read(token, place + at, BLOCK, at)));
    assert.deepEqual(await Promise.all(reads), Array<number>(blocks).fill(BLOCK));
    assert.deepEqual(io.memory.u8.slice(place, place + FILE_BYTES), data);
    await paper.file.close();
  },

  'reads end where the file ends, and a read-only file is not written to': async (bodies) => {
    const { io } = bodies;
    const path = bodies.path('short');
    const made = await new Paper(io).open(path, { createBytes: 10_000 });
    await made.file.close();
    const paper = await new Paper(io).open(path, { readOnly: true });
    const place = io.memory.allocate(BLOCK, 4096);
    assert.equal(await paper.do((token) => paper.file.read(token, place, BLOCK, 8192)), 10_000 - 8192);
    assert.equal(await paper.do((token) => paper.file.read(token, place, BLOCK, 12_288)), 0);
    assert.ok((await paper.do((token) => paper.file.write(token, place, 512, 0))) < 0);
    assert.ok((await paper.do((token) => paper.file.zero(token, 0, 512, true))) < 0);
    await paper.file.close();
  },

  'a file that does not exist is an error by name': async (bodies) => {
    await assert.rejects(new Paper(bodies.io).open(bodies.path('nothing'), {}), { code: 'file-open' });
  },

  'a store is sparse, shared by name, and reads as zeroes where nothing was written': async (bodies) => {
    const { io, other } = bodies;
    const bytes = 2 ** 34;
    const name = bodies.path('store');
    const one = io.openStore(name, bytes);
    const same = io.openStore(name, bytes);
    assert.equal(one.sizeBytes, bytes);
    assert.equal(one.allocatedBytes(), 0);
    const place = io.memory.allocate(16_384);
    io.memory.fill(place, 7, 16_384);
    const position = 2 ** 33 - 100;
    one.write(place, position, 16_384);
    const taken = one.allocatedBytes();
    assert.ok(taken >= 16_384 && taken <= 16_384 + 2 * BLOCK, `${taken} bytes are taken`);
    io.memory.fill(place, 1, 16_384);
    same.read(place, position + 16_384 - 100, 200);
    const around = io.memory.u8.slice(place, place + 201);
    assert.deepEqual([around[0], around[99], around[100], around[199], around[200]], [7, 7, 0, 0, 1]);
    same.zero(position - 1000, 20_000);
    one.read(place, position, 16_384);
    assert.ok(io.memory.u8.subarray(place, place + 16_384).every((byte) => byte === 0));
    assert.ok(one.allocatedBytes() <= 2 * BLOCK);
    assert.equal(other.openStore(`${name}-2`, 4096).allocatedBytes(), 0);
  },
};

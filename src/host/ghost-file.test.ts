import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { ControllerInstance } from '../fabric/nvme-tcp/messages.ts';
import { GhostGate, passage } from '../multipath/ghost-gate.ts';
import { nobody, quarantineEntries } from '../multipath/quarantine.ts';
import type { FlushLedger } from '../multipath/flush-ledger.ts';
import { mapGate } from './gate-mapping.ts';
import { GhostFile, type GhostFileOptions, sweepGhostFiles } from './ghost-file.ts';
import { earlierProgram, sharedIn } from './ghost-record.ts';
import { claimIdentity } from './identity-claim.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-ghosts-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const bound = 60_000;
const sizeBytes = 2 ** 30;
let files = 0;

/** Options of a volume that nobody had before, on a host that has been up for an hour. */
function volume(more: Partial<GhostFileOptions> = {}): GhostFileOptions {
  files += 1;
  return {
    path: path.join(folder, `ghosts-${files}`),
    reactors: 2,
    sizeBytes,
    boundMs: bound,
    bootId: 'this boot',
    uptime: () => 3_600_000,
    isNew: false,
    ...more,
  };
}

/** The controller that has what it lost. */
const lost: ControllerInstance = { cntlid: 7, ciu: 2, cirn: 0xfedc_ba98_7654_3210n };

/** What a program does that is killed: a write under way, another one in quarantine, one that ended. */
function dieWith(options: GhostFileOptions): void {
  void new GhostFile(options);
  const { gate, lives } = sharedIn(mapGate(options.path, options.reactors).memory, options.reactors, 1);
  lives.began(3, 6, { ...lost, ciu: 1 }, options.boundMs);
  lives.began(3, 7, lost, options.boundMs);
  lives.ended(3, 6);
  assert.equal(gate.pass(0, 4096, 4096, nobody), passage.free);
  assert.equal(gate.pass(1, 65536, 8192, nobody), passage.free);
  assert.ok(gate.lost(1, 65536, 8192, 3, 7, gate.newOwner()));
  assert.equal(gate.pass(2, 1_000_000, 4096, nobody), passage.free);
  gate.ended(2);
}

/** A path's controller that may need so long after its loss: a reactor is about to send something to it. */
function beginLife({ path: file, reactors }: GhostFileOptions, milliseconds: number): void {
  sharedIn(mapGate(file, reactors).memory, reactors).lives.began(9, milliseconds, { ...lost, cntlid: 9 }, milliseconds);
}

describe('what an earlier program left', () => {
  it('is nothing where there is no file and the host has been up for long, or the volume is new', () => {
    for (const more of [{}, { isNew: true, uptime: () => 1000 }] as Partial<GhostFileOptions>[]) {
      const options = volume(more);
      const file = new GhostFile(options);
      assert.deepEqual(file.heritage, { ranges: [], keepMs: 0, isUncovered: false, lives: null });
      assert.ok(fs.existsSync(options.path));
      file.close();
      assert.ok(!fs.existsSync(options.path), 'a file is left though nothing is in quarantine');
      if (more.isNew !== true) continue;
      dieWith(options);
      assert.deepEqual(new GhostFile(options).heritage.ranges, [], 'what is new inherited something');
    }
  });

  it('is, after a detach, a flush that has to tell if a cache that lives on holds something', () => {
    for (const livesOn of [true, false]) {
      for (const isDirty of [true, false]) {
        const options = volume();
        const file = new GhostFile(options);
        const { ledger } = sharedIn(mapGate(options.path, options.reactors).memory, options.reactors);
        ledger.began(0, 1);
        ledger.entered(0, 1);
        if (!isDirty) ledger.flushed(0, ledger.mark(0), 1);
        file.close(livesOn);
        assert.equal(fs.existsSync(options.path), livesOn && isDirty);
        sweepGhostFiles(folder, options.bootId, options.uptime() + 10 * bound);
        const next = new GhostFile(options);
        assert.deepEqual(next.heritage.ranges, []);
        assert.equal(next.heritage.isUncovered, livesOn && isDirty);
        next.close();
        assert.ok(!fs.existsSync(options.path));
      }
    }
  });

  it('is the whole volume for the rest of the time where the host started anew just now', () => {
    const file = new GhostFile(volume({ uptime: () => 20_000 }));
    assert.deepEqual(file.heritage, {
      ranges: [{ start: 0, length: sizeBytes }],
      keepMs: bound - 20_000,
      isUncovered: false,
      lives: null,
    });
    file.close();
  });

  it('is what was under way and what was in quarantine when it was killed', () => {
    const options = volume();
    dieWith(options);
    const file = new GhostFile({ ...options, reactors: 4 });
    assert.deepEqual(file.heritage, {
      ranges: [
        { start: 65536, length: 8192 },
        { start: 4096, length: 4096 },
      ],
      keepMs: bound,
      isUncovered: false,
      lives: [lost],
    });
    const gate = new GhostGate(mapGate(options.path, 4).memory, 4, 3);
    for (const [start, answer] of [
      [4096, passage.quarantined],
      [65536 + 4096, passage.quarantined],
      [8192, passage.free],
      [1_000_000, passage.free],
    ] as const) {
      assert.equal(gate.pass(0, start, 4096, nobody), answer, `at ${start}`);
      gate.ended(0);
    }
    gate.fenced(earlierProgram.controller, earlierProgram.epoch);
    assert.equal(gate.pass(0, 4096, 4096, nobody), passage.free);
    gate.ended(0);
    file.close();
    assert.ok(!fs.existsSync(options.path));
  });

  it('survives one program after the other that is killed, and the longest bound of them counts', () => {
    const options = volume();
    dieWith({ ...options, boundMs: 90_000 });
    void new GhostFile(options);
    assert.deepEqual(new GhostFile(options).heritage.ranges.length, 2);
    assert.deepEqual(new GhostFile(options).heritage.lives, [lost]);
    assert.equal(new GhostFile(options).heritage.keepMs, 90_000);
  });

  it('is kept for the rest of the time after a detach in order with a quarantine, then forgotten', () => {
    const options = volume();
    dieWith(options);
    new GhostFile(options).close();
    const later = (milliseconds: number): GhostFileOptions => ({ ...options, uptime: () => 3_600_000 + milliseconds });
    const soon = new GhostFile(later(10_000));
    assert.deepEqual([soon.heritage.ranges.length, soon.heritage.keepMs], [2, bound - 10_000]);
    soon.close();
    const long = new GhostFile(later(10_000 + bound));
    assert.deepEqual(long.heritage, { ranges: [], keepMs: 0, isUncovered: false, lives: null });
    long.close();
    assert.ok(!fs.existsSync(options.path));
  });

  it('is over at once when all controllers that had it are reset, and told once', () => {
    const options = volume();
    dieWith(options);
    const file = new GhostFile(options);
    let told = 0;
    file.begin(() => (told += 1));
    assert.ok(file.keptFor > bound - 1000);
    file.over();
    file.over();
    assert.deepEqual([told, file.keptFor], [1, 0]);
    file.close();
  });

  it('is kept as long as the earlier program asked for, also when a later one with a shorter time detaches in order', () => {
    const options = volume();
    dieWith({ ...options, boundMs: 90_000 });
    const later = new GhostFile(options);
    later.begin(() => assert.fail('told at once'));
    later.end();
    later.close();
    const { keepMs } = new GhostFile(options).heritage;
    assert.ok(keepMs > 80_000 && keepMs <= 90_000, `${keepMs} ms`);
  });

  it('is kept as long as a path needs that came later, killed or detached; only the longest counts', () => {
    const options = volume();
    dieWith(options);
    void new GhostFile(options);
    for (const milliseconds of [0, 120_000, 90_000]) beginLife(options, milliseconds);
    assert.equal(new GhostFile(options).heritage.keepMs, 120_000, 'after a kill');
    const detached = volume();
    dieWith(detached);
    const last = new GhostFile(detached);
    beginLife(detached, 120_000);
    last.close();
    beginLife(detached, 200_000);
    const { keepMs } = new GhostFile(detached).heritage;
    assert.ok(keepMs > 110_000 && keepMs <= 120_000, `${keepMs} ms`);
  });

  it('is the whole volume where the file is torn, of another version or of another boot', () => {
    for (const harm of [
      (file: string) => fs.truncateSync(file, 100),
      (file: string) => fs.truncateSync(file, 50_000),
      (file: string) => fs.writeFileSync(file, ''),
      (file: string) =>
        fs.writeFileSync(file, fs.readFileSync(file, 'latin1').replace(/"version":\d+/, '"version":0'), 'latin1'),
      (file: string) =>
        fs.writeFileSync(file, fs.readFileSync(file, 'latin1').replace('this boot', 'that boot'), 'latin1'),
      (file: string) =>
        fs.writeFileSync(file, fs.readFileSync(file, 'latin1').replace('"reactors":2', '"reactors":9'), 'latin1'),
    ]) {
      const options = volume();
      dieWith(options);
      harm(options.path);
      const file = new GhostFile(options);
      const { ranges, keepMs, isUncovered } = file.heritage;
      assert.deepEqual([ranges, keepMs], [[{ start: 0, length: sizeBytes }], bound], String(harm));
      // Who waited for a flush on another boot died with it.
      assert.equal(isUncovered, !String(harm).includes('that boot'));
      file.close();
    }
  });

  it('is the whole volume where there is more than the quarantine holds', () => {
    const options = volume({ reactors: 4 });
    void new GhostFile(options);
    const { memory } = mapGate(options.path, 4);
    for (let reactor = 0; reactor < 4; reactor += 1) {
      const gate = new GhostGate(memory, 4, reactor);
      for (let slot = 0; slot < 512; slot += 1) gate.pass(slot, (reactor * 512 + slot) * 4096, 4096, nobody);
    }
    assert.ok(quarantineEntries / 2 < 2048);
    assert.deepEqual(new GhostFile(options).heritage.ranges, [{ start: 0, length: sizeBytes }]);
  });

  it('is kept as long as any controller needs that the killed program used, also one that joined later', () => {
    const options = volume();
    dieWith(options);
    beginLife(options, 100_000);
    const heir = new GhostFile(options);
    assert.equal(heir.heritage.keepMs, 100_000);
    beginLife(options, 200_000);
    heir.close();
    // Left in order: for the rest of that time.
    assert.equal(new GhostFile({ ...options, uptime: () => 3_600_000 + 50_000 }).heritage.keepMs, 150_000);
  });

  it('is that a flush has to fail, if something was acknowledged from a cache or a loss was not told of', () => {
    for (const [write, expected] of [
      [(ledger: FlushLedger) => ledger.entered(3, 0), true],
      [(ledger: FlushLedger) => (ledger.entered(3, 0), ledger.settleLost(3)), true],
      [(ledger: FlushLedger) => (ledger.entered(3, 0), ledger.settleLost(3), ledger.tell(1)), false],
      [(ledger: FlushLedger) => (ledger.entered(3, 0), ledger.flushed(3, ledger.mark(3), 0)), false],
    ] as const) {
      const options = volume();
      void new GhostFile(options);
      write(sharedIn(mapGate(options.path, 2).memory, 2).ledger);
      // Over one that is killed before a flush told of it, too.
      assert.equal(new GhostFile(options).heritage.isUncovered, expected, String(write));
      assert.equal(new GhostFile({ ...options, reactors: 3 }).heritage.isUncovered, expected, String(write));
      const ledger = sharedIn(mapGate(options.path, 3).memory, 3).ledger;
      assert.equal(ledger.losses - ledger.told, expected ? 1 : 0);
      ledger.tell(ledger.losses);
      const last = new GhostFile({ ...options, reactors: 3 });
      assert.equal(last.heritage.isUncovered, false, 'it is told twice');
      last.close();
      assert.ok(!fs.existsSync(options.path));
    }
  });

  it('is swept away when its time is over, unless somebody has the volume or it was killed', () => {
    const directory = path.join(folder, 'sweep');
    fs.mkdirSync(directory);
    process.env['CAUSEWAY_RUN_DIR'] = directory;
    try {
      const make = (digest: string): GhostFileOptions => {
        const options = volume({ path: path.join(directory, `ghosts-${digest}`) });
        dieWith(options);
        return options;
      };
      new GhostFile(make('aa')).close();
      make('bb');
      const left = (): string[] => fs.readdirSync(directory).filter((name) => name.startsWith('ghosts-'));
      sweepGhostFiles(directory, 'this boot', 3_600_000 + bound - 1);
      assert.deepEqual(left(), ['ghosts-aa', 'ghosts-bb']);
      const claim = claimIdentity('uuid.somebody', 'name');
      new GhostFile(make(claim.digest)).close();
      sweepGhostFiles(directory, 'this boot', 3_600_000 + bound);
      assert.deepEqual(left(), ['ghosts-bb', `ghosts-${claim.digest}`].toSorted());
      claim.release();
      sweepGhostFiles(directory, 'this boot', 3_600_000 + bound);
      assert.deepEqual(fs.readdirSync(directory), ['ghosts-bb']);
    } finally {
      delete process.env['CAUSEWAY_RUN_DIR'];
    }
  });

  it('is told to be over when its time has come, and not after the end', async () => {
    const options = volume({ boundMs: 30 });
    dieWith(options);
    const file = new GhostFile(options);
    const begun = performance.now();
    await new Promise<void>((resolve) => {
      const awake = setTimeout(() => undefined, 10_000);
      file.begin(() => {
        clearTimeout(awake);
        resolve();
      });
      assert.ok(file.keptFor > 0 && file.keptFor <= 30);
    });
    assert.ok(performance.now() - begun >= 29);
    assert.equal(file.keptFor, 0);
    file.close();
    const other = new GhostFile(options);
    other.begin(() => assert.fail('told after the end'));
    other.end();
    await new Promise((resolve) => setTimeout(resolve, 60));
    other.close();
  });
});

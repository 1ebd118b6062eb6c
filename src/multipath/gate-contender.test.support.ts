/**
 * A thread that stands for one reactor and contends with others at the ghost gate. Blocks have a count of ordinary writes
 * under way, a count of ghosts, and a mark of the one lost write that was sent again and is not fenced. A thread that finds
 * a mark where its write was let pass, or other writes or ghosts where its lost one was, has seen the gate fail.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../base/random.ts';
import { GhostGate, passage } from './ghost-gate.ts';
import { nobody } from './quarantine.ts';

export interface Contest {
  readonly gate: SharedArrayBuffer;
  /** Three words a block: ordinary writes under way; 1 while a lost write stands there that was sent again; ghosts. */
  readonly blocks: SharedArrayBuffer;
  readonly reactors: number;
  readonly reactor: number;
  readonly rounds: number;
  readonly seed: number;
}

export interface Verdict {
  readonly faults: string[];
  readonly losses: number;
  readonly turnedAway: number;
  readonly waited: number;
}

/** The words of each block of a range. */
function each(start: number, length: number, see: (at: number) => void): void {
  for (let block = start; block < start + length; block += 1) see(block * 3);
}

function contend({ gate: memory, blocks: shared, reactors, reactor, rounds, seed }: Contest): Verdict {
  const gate = new GhostGate(memory, reactors, reactor);
  const blocks = new Int32Array(shared);
  const count = blocks.length / 3;
  const random = new Random(seed);
  const faults: string[] = [];
  let [losses, turnedAway, waited] = [0, 0, 0];
  for (let round = 1; round <= rounds && faults.length === 0; round += 1) {
    const start = random.below(count - 3);
    const length = 1 + random.below(3);
    const slot = random.below(8);
    if (gate.pass(slot, start, length, nobody) !== passage.free) {
      turnedAway += 1;
      continue;
    }
    each(start, length, (at) => {
      Atomics.add(blocks, at, 1);
      if (Atomics.load(blocks, at + 1) !== 0) faults.push(`round ${round}: a write passed into a quarantine`);
    });
    const lost = random.below(4) === 0;
    const owner = lost ? gate.newOwner() : nobody;
    if (lost) each(start, length, (at) => Atomics.add(blocks, at + 2, 1));
    each(start, length, (at) => Atomics.sub(blocks, at, 1));
    if (!lost) {
      gate.ended(slot);
      continue;
    }
    losses += 1;
    // A life of its own for every loss, so that its fence ends it alone.
    assert.ok(gate.lost(slot, start, length, reactor, round, owner));
    let patience = 64;
    while (gate.pass(slot, start, length, owner) !== passage.free) {
      waited += 1;
      patience -= 1;
      // Two lost writes that overlap wait for each other's fence; here is this one's. Then it is a write like any other.
      if (patience !== 0) continue;
      each(start, length, (at) => Atomics.sub(blocks, at + 2, 1));
      gate.fenced(reactor, round);
    }
    if (patience <= 0) {
      gate.ended(slot);
      continue;
    }
    each(start, length, (at) => {
      if (Atomics.load(blocks, at) !== 0) faults.push(`round ${round}: a lost write was sent beside another one`);
      if (Atomics.load(blocks, at + 2) !== 1) faults.push(`round ${round}: a lost write was sent beside a ghost`);
    });
    each(start, length, (at) => Atomics.store(blocks, at + 1, 1));
    for (let pause = random.below(200); pause > 0; pause -= 1) Atomics.load(blocks, 0);
    each(start, length, (at) => {
      if (Atomics.load(blocks, at) !== 0) faults.push(`round ${round}: a write passed beside a lost one`);
      Atomics.store(blocks, at + 1, 0);
      Atomics.sub(blocks, at + 2, 1);
    });
    gate.ended(slot);
    gate.fenced(reactor, round);
  }
  return { faults, losses, turnedAway, waited };
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the test that starts this thread gives it
parentPort?.postMessage(contend(workerData as Contest));

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status, statusErrno } from '../../block/status.ts';
import { verdict } from '../contract.ts';
import { ownRows } from './status-rows.ts';
import {
  blockStatusOf,
  fabricsOutcome,
  outcome,
  outcomeCount,
  outcomeName,
  type OutcomeRow,
  outcomeRow,
  sc,
  statusOf,
  verdictOf,
} from './status.ts';

const rows: readonly OutcomeRow[] = Array.from({ length: outcomeCount }, (_, code) => outcomeRow(code));
const failures = rows.filter((row) => row.outcome !== sc.success);
const isStatus = (row: OutcomeRow): boolean => row.outcome < 0x900;

function each(check: (row: OutcomeRow) => boolean, law: string): void {
  for (const row of failures) assert.ok(check(row), `${law}: ${row.name}`);
}

test('every row is sane', () => {
  each((row) => !row.canStillExecute || row.mayHaveExecuted, 'what can still execute may have executed');
  each((row) => !row.canStillExecute || !isStatus(row), 'a completion is the end of its command');
  each((row) => row.fault !== 'path' || row.retry === 'elsewhere', 'a path at fault means that another may succeed');
  each((row) => row.retry !== 'elsewhere' || row.fault === 'path', 'only a fault of the path is retried elsewhere');
  each((row) => row.fault !== 'volume' || row.retry === 'no', 'a fault of the volume goes up');
  each((row) => row.fault !== 'none' || row.retry === 'same-after-delay', "what is nobody's fault passes");
  each((row) => row.blockStatus !== status.ok, 'a failure is not ok');
  each((row) => row.errno === statusErrno[row.blockStatus] && row.errno > 0, 'errno and block status agree');
  each((row) => /^[a-z0-9-]+( [0-9a-f]+h)?$/.test(row.name), 'names are for people and logs');
});

test('success is the only outcome with an empty verdict', () => {
  assert.equal(verdictOf(sc.success, false), verdict.ok);
  assert.equal(blockStatusOf(sc.success), status.ok);
  each((row) => (verdictOf(row.outcome, false) & verdict.failed) !== 0, 'failed');
  each((row) => (verdictOf(row.outcome, true) & verdict.failed) !== 0, 'failed with DNR');
});

function bit(row: OutcomeRow, mask: number): boolean {
  return (verdictOf(row.outcome, false) & mask) !== 0;
}

test('the data path sees what the rows say', () => {
  each((row) => bit(row, verdict.pathFault) === (row.fault === 'path'), 'path fault');
  each((row) => bit(row, verdict.mayHaveExecuted) === row.mayHaveExecuted, 'may have executed');
  each((row) => bit(row, verdict.mayStillExecute) === row.canStillExecute, 'may still execute');
  each((row) => bit(row, verdict.retryElsewhere) === (row.retry === 'elsewhere'), 'retry elsewhere');
  each((row) => bit(row, verdict.retryHere) === (row.retry === 'same-after-delay'), 'retry here');
  each((row) => blockStatusOf(row.outcome) === row.blockStatus, 'block status');
});

test('do-not-retry ends retrying, except on other paths after a path related status', () => {
  const retries = verdict.retryHere | verdict.retryElsewhere;
  each((row) => {
    const kept = verdictOf(row.outcome, true) & retries;
    return kept === (row.outcome >>> 8 === 3 ? verdict.retryElsewhere : 0);
  }, 'DNR');
  each(
    (row) => ((verdictOf(row.outcome, false) ^ verdictOf(row.outcome, true)) & ~retries) === 0,
    'DNR changes nothing else',
  );
});

test('outcomes that matter most', () => {
  const ghost = verdict.mayHaveExecuted | verdict.mayStillExecute;
  const ghosts = [
    'connectionLost',
    'timedOut',
    'headerDigestError',
    'hostTerminated',
    'targetTerminated',
    'withdrawn',
  ] as const;
  for (const name of ghosts) assert.equal(verdictOf(outcome[name], false) & ghost, ghost, name);
  assert.equal(verdictOf(outcome.notSent, false) & ghost, 0);
  assert.equal(verdictOf(outcome.controllerReset, false) & ghost, verdict.mayHaveExecuted);
  assert.equal(blockStatusOf(sc.unrecoveredReadError), status.mediumError);
  assert.equal(blockStatusOf(sc.reservationConflict), status.reservationConflict);
  assert.equal(blockStatusOf(sc.namespaceWriteProtected), status.readOnly);
  assert.equal(blockStatusOf(sc.capacityExceeded), status.noSpace);
  for (const code of [sc.anaInaccessible, sc.anaPersistentLoss, sc.anaTransition]) {
    assert.equal(verdictOf(code, false), verdict.failed | verdict.pathFault | verdict.retryElsewhere);
  }
});

test('statuses without a row follow their type', () => {
  assert.equal(outcomeRow(statusOf(3, 0x55)).fault, 'path');
  assert.equal(outcomeRow(statusOf(2, 0x55)).fault, 'volume');
  assert.equal(outcomeRow(statusOf(7, 0xc1)).retry, 'no');
  assert.equal(outcomeName(statusOf(7, 0xc1)), 'vendor-specific-status 7c1h');
});

test('the same number of a fabrics command means something else', () => {
  assert.equal(outcomeName(sc.connectInvalidParameters), 'write-to-read-only-range');
  assert.equal(outcomeName(fabricsOutcome(sc.connectInvalidParameters)), 'connect-invalid-parameters');
  assert.equal(fabricsOutcome(sc.invalidField), sc.invalidField);
  assert.equal(fabricsOutcome(sc.success), sc.success);
  assert.equal(fabricsOutcome(sc.anaTransition), sc.anaTransition);
});

test('own outcomes are dense, and names of rows are unique within their numbers', () => {
  assert.deepEqual(
    Object.values(outcome),
    Array.from({ length: Object.keys(ownRows).length }, (_, i) => 0x900 + i),
  );
  for (const name of Object.keys(outcome) as (keyof typeof outcome)[]) {
    assert.equal(outcomeName(outcome[name]), ownRows[name][0]);
  }
  const names = rows.filter((row) => !row.name.includes(' ')).map((row) => row.name);
  assert.equal(new Set(names).size, names.length);
});

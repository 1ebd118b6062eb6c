/** That the primes are those of RFC 7919, and what may be done with them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { checkPrimeSync } from 'node:crypto';
import { test } from 'node:test';
import { isFit, primeOf, publicValueOf, sharedValueOf } from './dh-groups.ts';
import { type Group, groups } from './names.ts';

const real = groups.filter(({ bytes }) => bytes > 0);

function valueOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function bytesOf(value: bigint, group: Group): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(group.bytes * 2, '0'), 'hex'));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}

/** Miller and Rabin's test with one base. Both primes here are 3 modulo 4, so that it takes one power. */
function isStrongProbablePrime(value: bigint, base: bigint): boolean {
  assert.equal(value % 4n, 3n);
  const root = power(base, (value - 1n) / 2n, value);
  return root === 1n || root === value - 1n;
}

for (const group of real) {
  test(`${group.name} is a safe prime of its length`, () => {
    const prime = primeOf(group);
    const p = valueOf(prime);
    const q = (p - 1n) / 2n;
    assert.equal(prime.length, group.bytes);
    assert.equal(p >> BigInt(group.bytes * 8 - 64), 0xffff_ffff_ffff_ffffn);
    assert.equal(p & 0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn);
    // OpenSSL's test takes 20 s for the largest, so here the larger ones get one base of it each; the rest is a long test.
    if (group.bytes <= 384) {
      assert.ok(checkPrimeSync(p) && checkPrimeSync(q));
    } else {
      assert.ok(isStrongProbablePrime(p, 3n) && isStrongProbablePrime(q, 3n));
    }
    // 2 generates the subgroup of order q.
    assert.equal(power(2n, q, p), 1n);
  });
}

test('OpenSSL has the same primes under these names', (t) => {
  for (const group of real) {
    let text: string;
    try {
      const args = ['genpkey', '-algorithm', 'DH', '-pkeyopt', `group:${group.name}`, '-outform', 'DER'];
      text = execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString('hex');
    } catch {
      t.skip('there is no openssl here that knows them');
      return;
    }
    assert.ok(text.includes(primeOf(group).toString('hex')), group.name);
  }
});

test('both sides come to the same value', () => {
  for (const group of real) {
    const one = new Uint8Array(group.exponentBits / 8).fill(0x5a);
    const other = new Uint8Array(group.exponentBits / 8).fill(0xc3);
    const shared = sharedValueOf(group, one, publicValueOf(group, other));
    assert.equal(shared.length, group.bytes);
    assert.deepEqual(shared, sharedValueOf(group, other, publicValueOf(group, one)));
  }
});

test('it is the value that arithmetic says, with its leading zeroes', () => {
  const group = real[0] ?? assert.fail();
  const p = valueOf(primeOf(group));
  for (let x = 1; x < 40; x += 1) {
    const privateKey = Uint8Array.of(x);
    const peer = p - 2n - BigInt(x);
    assert.equal(valueOf(publicValueOf(group, privateKey)), power(2n, BigInt(x), p));
    const shared = sharedValueOf(group, privateKey, bytesOf(peer, group));
    assert.deepEqual(shared, bytesOf(power(peer, BigInt(x), p), group));
  }
  assert.deepEqual(publicValueOf(group, Uint8Array.of(3)), bytesOf(8n, group));
});

test('values that make a secret which everybody knows are not fit', () => {
  for (const group of real) {
    const p = valueOf(primeOf(group));
    for (const value of [0n, 1n, p - 1n, p, p + 1n]) assert.ok(!isFit(group, bytesOf(value, group)), `${value}`);
    for (const value of [2n, 3n, 255n, 256n, p - 2n, p - 3n]) {
      assert.ok(isFit(group, bytesOf(value, group)), `${value}`);
      sharedValueOf(group, Uint8Array.of(7, 7), bytesOf(value, group));
    }
    assert.ok(isFit(group, Uint8Array.of(2)), 'leading zeroes may be left out');
    assert.ok(!isFit(group, new Uint8Array(0)));
    assert.ok(!isFit(group, new Uint8Array(group.bytes + 1).fill(1)));
  }
});

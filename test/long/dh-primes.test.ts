/** The primes of the Diffie-Hellman groups by OpenSSL's whole test: about a minute. */
import assert from 'node:assert/strict';
import { checkPrimeSync } from 'node:crypto';
import { test } from 'node:test';
import { primeOf } from '../../src/fabric/nvme-tcp/auth/dh-groups.ts';
import { groups } from '../../src/fabric/nvme-tcp/auth/names.ts';

for (const group of groups) {
  if (group.bytes === 0) continue;
  test(`${group.name} is a safe prime`, () => {
    const p = BigInt(`0x${primeOf(group).toString('hex')}`);
    assert.ok(checkPrimeSync(p));
    assert.ok(checkPrimeSync((p - 1n) / 2n));
  });
}

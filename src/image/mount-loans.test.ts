import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MountLoans } from './mount-loans.ts';

test('a mount that is lent goes with the last loan, once', () => {
  const loans = new MountLoans();
  let unmounted = 0;
  const unmount = (): void => void unmounted++;
  const first = loans.lend('web', unmount);
  const second = loans.lend('web', unmount);
  assert.equal(loans.mayGo('web'), false);
  assert.equal(loans.mayGo('db'), true);
  first();
  first();
  assert.equal(unmounted, 0);
  second();
  second();
  assert.equal(unmounted, 1);
  assert.equal(loans.mayGo('web'), true);
});

test('a mount stays while it is in use, or when the container runs again', () => {
  const loans = new MountLoans();
  let unmounted = 0;
  const unmount = (): void => void unmounted++;
  loans.lend('web', unmount)();
  const copy = loans.lend('web', unmount);
  loans.mayGo('web');
  loans.needed('web');
  copy();
  assert.equal(unmounted, 0);
});

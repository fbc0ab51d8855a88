import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuietMoments } from './quiet-memory.ts';

test('memory is given back once after a start, when the process has come to rest', () => {
  const moments = new QuietMoments();
  assert.equal(moments.isOne(5_000, 900), false, 'it has just been at work');
  assert.equal(moments.isOne(10_000, 950), true);
  moments.done(1_000);
  assert.equal(moments.isOne(15_000, 1_010), false, 'nothing has been done since');
  assert.equal(moments.isOne(20_000, 1_020), false);
});

test('and again after each time that it has worked, but not while it works', () => {
  const moments = new QuietMoments();
  moments.isOne(5_000, 500);
  assert.equal(moments.isOne(10_000, 500), true);
  moments.done(530);
  for (let second = 15; second <= 60; second += 5)
    assert.equal(moments.isOne(second * 1000, 530 + second * 100), false, 'a tenth of a processor is work');
  assert.equal(moments.isOne(65_000, 6_550), true);
});

test('little by little is work too, once it is enough', () => {
  const moments = new QuietMoments();
  moments.done(100);
  const given = Array.from({ length: 5 }, (_, look) => moments.isOne((look + 1) * 5_000, 100 + (look + 1) * 60));
  assert.deepEqual(given, [false, false, false, true, true]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration } from './go-duration.ts';

for (const [ns, text] of [
  [0, '0s'],
  [7, '7ns'],
  [1500, '1.5µs'],
  [50e6, '50ms'],
  [1.5e9, '1.5s'],
  [30e9, '30s'],
  [60e9, '1m0s'],
  [90.5e9, '1m30.5s'],
  [3600e9, '1h0m0s'],
  [90_061e9, '25h1m1s'],
] as const) {
  test(`${ns} ns is ${text}`, () => assert.equal(goDuration(ns), text));
}

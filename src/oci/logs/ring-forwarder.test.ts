import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardedPiece } from './forwarder.ts';
import { RingForwarder } from './ring-forwarder.ts';

test('messages without text fill the buffer too, and buffers are bounded together', async () => {
  let taken = 0;
  const stuck = {
    send: (pieces: readonly ForwardedPiece[]) => ((taken += pieces.length), new Promise<void>(() => {})),
  };
  const warnings: string[] = [];
  const ring = (maxBytes: number) =>
    new RingForwarder({ ...stuck, end: () => {}, close: () => {} }, maxBytes, (reason) => warnings.push(reason));
  const empty: ForwardedPiece = { text: Buffer.alloc(0), time: '', stream: 'stdout', partial: false } as never;
  const small = ring(1024);
  await small.send([empty]);
  await small.send(Array.from({ length: 5 }, () => empty));
  assert.equal(warnings.length, 1, 'the fifth of those that wait does not fit');
  const large = [ring(1 << 30), ring(1 << 30)];
  for (const one of large) await one.send(Array.from({ length: 40_000 }, () => empty));
  assert.equal(warnings.length, 2, 'of both together no more than 65,536 wait');
  for (const one of [small, ...large]) one.close();
  assert.ok(taken > 0);
});

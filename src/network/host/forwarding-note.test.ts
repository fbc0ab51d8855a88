import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNote, renderNote, type ForwardingNote } from './forwarding-note.ts';

const HOST = '0e7a27c4-8c1b-4f3e-9d0a-2b6f5d1c9a11 net:[4026531840]';
const NOTE: ForwardingNote = {
  closed: { 4: { earlier: ['virbr5', 'a\u3000b'], routers: ['eth0'] }, 6: { earlier: [], routers: [] } },
  listeners6: ['eth0'],
};

test('what was turned on, and what was there, is read as it was written', () => {
  assert.deepEqual(parseNote(renderNote(NOTE, HOST), HOST), NOTE);
  assert.deepEqual(parseNote(renderNote({ closed: {}, listeners6: [] }, HOST), HOST), { closed: {}, listeners6: [] });
});

test('a note from another boot or network namespace is ignored', () => {
  for (const other of [HOST.replace('0e7a', '1e7a'), HOST.replace('840', '841')])
    assert.deepEqual(parseNote(renderNote(NOTE, other), HOST), { closed: {}, listeners6: [] });
});

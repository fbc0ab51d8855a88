import assert from 'node:assert/strict';
import test from 'node:test';
import { GlobalArgs, StageArgs } from './build-args.ts';

const globals = (given: Readonly<Record<string, string>> = {}): GlobalArgs =>
  new GlobalArgs({ given: new Map(Object.entries(given)), predefined: new Map([['TARGETOS', 'linux']]) });

test('an argument before FROM is seen by FROM, and by a stage that asks for it', () => {
  const all = globals();
  all.declare('V', '1');
  assert.equal(all.value('V'), '1');
  const stage = new StageArgs(all);
  assert.equal(stage.value('V'), undefined);
  stage.declare('V', undefined);
  assert.equal(stage.value('V'), '1');
  const other = new StageArgs(all);
  other.declare('V', '2');
  assert.equal(other.value('V'), '2');
});

test('what the client gives is what counts, where it is asked for', () => {
  const all = globals({ V: 'given', UNUSED: 'x', http_proxy: 'p' });
  all.declare('V', '1');
  const stage = new StageArgs(all);
  stage.declare('V', '2');
  assert.deepEqual([all.value('V'), stage.value('V'), stage.value('UNUSED')], ['given', 'given', undefined]);
  assert.deepEqual(all.unused(), ['UNUSED']);
});

test('proxies need no ARG, and are no part of what a result depends on', () => {
  const stage = new StageArgs(globals({ http_proxy: 'p' }));
  assert.equal(stage.value('http_proxy'), 'p');
  assert.deepEqual([stage.all().get('http_proxy'), stage.visible().get('http_proxy')], ['p', undefined]);
  stage.declare('http_proxy', undefined);
  assert.equal(stage.visible().get('http_proxy'), 'p');
});

test('the platform is there for FROM, and for a stage that asks', () => {
  const all = globals();
  const stage = new StageArgs(all);
  assert.deepEqual([all.value('TARGETOS'), stage.value('TARGETOS')], ['linux', undefined]);
  stage.declare('TARGETOS', undefined);
  assert.equal(stage.value('TARGETOS'), 'linux');
});

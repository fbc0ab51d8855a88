import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildCacheRecord } from '../../model/build-cache.ts';
import { readUsageFilters } from './usage-filters.ts';

const RECORD: BuildCacheRecord = {
  id: 'one',
  parents: ['p'],
  kind: 'regular',
  description: 'RUN true',
  inUse: false,
  shared: true,
  sizeBytes: 1,
  createdAtMs: 0,
  lastUsedAtMs: 0,
  uses: 0,
};

test('all conditions of a filter hold, and one of several filters is enough', () => {
  const accepts = (...filters: string[]): boolean => readUsageFilters(filters)(RECORD);
  assert.equal(accepts(), true);
  assert.equal(accepts(''), true);
  assert.equal(accepts('id==one'), true);
  assert.equal(accepts('id==two'), false);
  assert.equal(accepts('id==two', 'type==regular'), true);
  assert.equal(accepts('id==one,inuse'), false);
  assert.equal(accepts('id==one,shared'), true);
  assert.equal(accepts('private'), false);
  assert.equal(accepts('type!=exec.cachemount'), true);
  assert.equal(accepts('description=="RUN true"'), true);
  assert.equal(accepts('parents==p'), true);
});

test('what is no filter is refused', () => {
  for (const filter of ['unknown', 'unknown==x', 'id', '==', 'inuse==true'])
    assert.throws(() => readUsageFilters([filter]), { kind: 'invalid' }, filter);
  assert.throws(() => readUsageFilters(['id~=x']), { kind: 'notImplemented' });
});

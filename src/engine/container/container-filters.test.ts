import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerPredicate, type FilterContext } from './container-filters.ts';

const nothing = {} as FilterContext;
const refused = (filters: Record<string, string[]>, message: string) =>
  assert.rejects(containerPredicate(filters, nothing), { message, kind: 'invalid' });

test('values that a filter of ps cannot have are refused in the words of Docker 28', async () => {
  await refused(
    { status: ['exited', 'rubbish'] },
    "invalid filter 'status=rubbish': invalid value for state (rubbish): must be one of created, running, paused, restarting, removing, exited, dead",
  );
  await refused(
    { health: ['bad'] },
    "invalid filter 'health=bad': invalid value for health (bad): must be one of none, starting, healthy, unhealthy",
  );
  await refused({ 'is-task': ['maybe'] }, "invalid filter 'is-task=[maybe]'");
  await refused({ exited: ['1.5'] }, `invalid filter 'exited=1.5': strconv.Atoi: parsing "1.5": invalid syntax`);
  await refused({ nosuch: ['1'] }, "invalid filter 'nosuch'");
});

test('an isolation asked for matches every container, as Docker does on Linux', async () => {
  const record = { id: 'a'.repeat(64), imageId: '', state: {}, spec: { process: { labels: {} } } } as never;
  for (const isolation of ['default', 'process', 'rubbish'])
    assert.equal((await containerPredicate({ isolation: [isolation] }, nothing))(record), true, isolation);
});

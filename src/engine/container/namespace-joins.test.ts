import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../../model/container.ts';
import { joinTargets } from './namespace-joins.ts';

const other = { id: 'other', state: { status: 'exited', pid: 0 }, spec: { host: { ipcMode: 'shareable' } } };
const containers = { find: () => other as ContainerRecord };
const record = (host: { ipcMode?: string; pidMode?: string }): ContainerRecord =>
  ({ id: 'id', spec: { host: { ipcMode: '', pidMode: '', utsMode: '', ...host } } }) as ContainerRecord;

test('the namespaces of a container that does not run cannot be joined, in the words and kinds of Docker 28', () => {
  assert.throws(() => joinTargets(containers, record({ pidMode: 'container:other' })), {
    message: 'failed to join PID namespace: container other is not running',
    kind: 'system',
  });
  assert.throws(() => joinTargets(containers, record({ ipcMode: 'container:other' })), {
    message: 'failed to join IPC namespace: container other is not running',
    kind: 'conflict',
  });
});

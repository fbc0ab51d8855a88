import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { codeBeneath, conflict, errorMessage, systemError, tellError, throwCollected, toldError } from './errors.ts';
import { hostCodeOf, hostFailure } from './host-errors.ts';

const thrown = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

test('what the host refused is known through whatever was put around it, another process included', () => {
  const missing = thrown(() => openSync('/nosuch/file', 'r'));
  const wrapped = systemError('cannot write the state', systemError('no room', missing));
  assert.equal(codeBeneath(wrapped, ['ENOSPC', 'ENOENT']), 'ENOENT');
  assert.equal(codeBeneath(wrapped, ['ENOSPC']), undefined);
  assert.equal(codeBeneath(systemError('no space left on device'), ['ENOSPC']), undefined);
  const collected = thrown(() =>
    throwCollected('taking down', [conflict('one'), systemError('two', hostFailure('EROFS'))]),
  );
  assert.equal(codeBeneath(collected, ['EROFS']), 'EROFS');

  const told = toldError(JSON.parse(JSON.stringify(tellError(collected))) as ReturnType<typeof tellError>);
  assert.deepEqual(
    [told.kind, errorMessage(told), codeBeneath(told, ['EROFS'])],
    ['system', 'taking down: one; two', 'EROFS'],
  );
});

test('the last words of a program are an errno where they are one', () => {
  assert.equal(hostCodeOf("cp: error writing '/to/x': No space left on device\n"), 'ENOSPC');
  assert.equal(hostCodeOf('mkdir `/x`: Read-only file system'), 'EROFS');
  assert.equal(hostCodeOf('no space left on device, it seems'), undefined);
});

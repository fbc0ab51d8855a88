import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { errorMessage, systemError } from './errors.ts';

const thrown = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

test("Node's errors read as Go's", async () => {
  assert.equal(errorMessage(thrown(() => readFileSync('/no/such'))), 'open /no/such: no such file or directory');
  assert.equal(errorMessage(thrown(() => readFileSync('/'))), 'read: is a directory');
  assert.equal(
    errorMessage(thrown(() => renameSync('/no/such', '/tmp/x'))),
    'rename /no/such /tmp/x: no such file or directory',
  );
  assert.equal(
    errorMessage(await readdir('/etc/passwd').catch((error: unknown) => error)),
    'open /etc/passwd: not a directory',
  );
  const injected = Object.assign(new Error("EMFILE: too many open files, open '/a'"), {
    code: 'EMFILE',
    syscall: 'open',
    path: '/a',
  });
  assert.equal(errorMessage(injected), 'open /a: too many open files');
  assert.equal(
    errorMessage(
      Object.assign(new Error("EWHAT: never seen, open '/a'"), { code: 'EWHAT', syscall: 'open', path: '/a' }),
    ),
    'open /a: never seen',
  );
});

test('other errors keep their words', () => {
  assert.equal(errorMessage(systemError("EMFILE: mine, open '/a'")), "EMFILE: mine, open '/a'");
  assert.equal(
    errorMessage(
      Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED', syscall: 'connect' }),
    ),
    'connect ECONNREFUSED 127.0.0.1:1',
  );
  assert.equal(errorMessage('text'), 'text');
});

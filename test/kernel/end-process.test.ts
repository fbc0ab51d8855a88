import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROJECT } from '../harness/test-engine.ts';

test('a process ends with its exit code while a thread of it is calling the kernel', () => {
  const program = `
    import { Worker } from 'node:worker_threads';
    import { endProcess } from ${JSON.stringify(join(PROJECT, 'src/kernel/end-process.ts'))};
    const thread = new Worker(\`
      const koffi = require('koffi');
      const libc = koffi.load(null);
      require('node:worker_threads').parentPort.postMessage('calls');
      for (;;) libc.func('int getpid()')();
    \`, { eval: true, execArgv: [] });
    thread.once('message', () => endProcess(7));
  `;
  const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  assert.equal(ran.stderr, '');
  assert.equal(ran.status, 7);
});

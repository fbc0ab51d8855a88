/** A file in the place of another: what readers see, and what is left. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { isKernelError } from '../../src/kernel/errors.ts';
import { swapFile } from '../../src/kernel/swap-file.ts';
import { throwawayDirectory } from './throwaway.ts';

const directory = throwawayDirectory();
const path = join(directory, 'file');
const next = join(directory, 'file.next');

test('the new file takes the name, whether there was one or not; nothing else stays', () => {
  writeFileSync(next, 'first');
  swapFile(next, path);
  assert.equal(readFileSync(path, 'utf8'), 'first');
  writeFileSync(next, 'second');
  const inode = statSync(next).ino;
  swapFile(next, path);
  assert.deepEqual([readFileSync(path, 'utf8'), statSync(path).ino, existsSync(next)], ['second', inode, false]);
  assert.throws(
    () => swapFile(join(directory, 'nosuch'), path),
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT' || isKernelError(error, 'ENOENT'),
  );
  assert.equal(readFileSync(path, 'utf8'), 'second');
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('file')),
    ['file'],
  );
});

test('a reader sees one text or the other, never none', async () => {
  const [one, two] = ['1'.repeat(5000), '2'.repeat(5000)];
  writeFileSync(path, one);
  const reader = new Worker(
    `const { readFileSync } = require('node:fs'); const { parentPort, workerData } = require('node:worker_threads');
     const bad = []; parentPort.on('message', () => { parentPort.postMessage({ reads, bad }); process.exit(); });
     let reads = 0;
     const look = () => { for (let i = 0; i < 50; i++) { reads++; try { const text = readFileSync(workerData, 'utf8'); if (text.length !== 5000 || new Set(text).size !== 1) bad.push(text.length); } catch (error) { bad.push(error.code); } } setImmediate(look); };
     look();`,
    { eval: true, workerData: path },
  );
  await new Promise((resolve) => reader.once('online', resolve));
  for (let round = 0; round < 2000; round++) {
    writeFileSync(next, round % 2 === 0 ? two : one);
    swapFile(next, path);
    if (round % 100 === 0) await new Promise(setImmediate);
  }
  const said = new Promise<{ reads: number; bad: unknown[] }>((resolve) => reader.once('message', resolve));
  reader.postMessage('stop');
  const { reads, bad } = await said;
  assert.ok(reads > 0);
  assert.deepEqual(bad, []);
});

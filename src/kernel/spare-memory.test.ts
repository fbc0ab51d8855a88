import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unchangedFilePages } from './spare-memory.ts';

const mapping = (head: string, anonymousKb: number, swapKb = 0): string =>
  `${head}\nSize:                 64 kB\nRss:                  64 kB\nAnonymous:          ${anonymousKb} kB\n` +
  `Swap:                 ${swapKb} kB\nSwapPss:              ${swapKb} kB\nVmFlags: rd ex mr mw me\n`;

test('of all mappings, those of files that nobody of this process has changed or could change are spare', () => {
  const text = [
    mapping('00400000-00410000 r--p 00000000 fe:00 260689                             /usr/bin/node', 0),
    mapping('00b00000-00b20000 r-xp 00770000 fe:00 260689                             /usr/bin/node', 0),
    mapping('02000000-02010000 r--p 01c00000 fe:00 260689                             /usr/bin/node', 4), // relocated
    mapping('02008000-02009000 r--p 01c00000 fe:00 260690                             /lib/libz.so.1', 0, 4), // and swapped out
    mapping('02010000-02020000 rw-p 01c10000 fe:00 260689                             /usr/bin/node', 0),
    mapping('03000000-03010000 rw-p 00000000 00:00 0                                  [heap]', 64),
    mapping('7f0000000000-7f0000010000 r--p 00000000 00:00 0 ', 0),
    mapping('7f1000000000-7f1000010000 r--s 00000000 fe:00 77                         /var/lib/data.mdb', 0),
    mapping('7f2000000000-7f2000010000 ---p 00000000 fe:00 78                         /lib/libc.so.6', 0),
    mapping('7ffff0000000-7ffff0002000 r-xp 00000000 00:00 0                          [vdso]', 0),
    mapping('7fffffff0000-7fffffff4000 r-xp 00000000 fe:00 79                         /a name\\012with 0-1 r-xp', 0),
  ].join('');
  assert.deepEqual(
    unchangedFilePages(text).map(({ start, sizeBytes }) => ({ start, sizeBytes })),
    [
      { start: 0x400000, sizeBytes: 0x10000 },
      { start: 0xb00000, sizeBytes: 0x20000 },
      { start: 0x7fffffff0000, sizeBytes: 0x4000 },
    ],
  );
});

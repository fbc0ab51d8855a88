import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildView } from './build-view.ts';

/** A screen of 40 columns, and what is left on it: lines that are drawn again replace the ones before. */
function screen(columns = 40, rows = 24) {
  let now = 0;
  const lines: string[] = [''];
  const write = (text: string): void => {
    // oxlint-disable-next-line no-control-regex -- how a screen is written
    const moved = /^\x1b\[(\d+)A\x1b\[J$/.exec(text);
    if (moved) lines.splice(lines.length - 1 - Number(moved[1]), lines.length, '');
    else {
      const [first = '', ...more] = text.split('\n');
      lines[lines.length - 1] += first;
      lines.push(...more);
    }
  };
  return {
    lines,
    pass: (ms: number) => (now += ms),
    screen: { width: () => columns, height: () => rows, write, now: () => now },
  };
}

const say = (view: BuildView, ...texts: string[]) => texts.forEach((stream) => view.take({ stream }));

test('a step is one line with its time, and its output is gone when it is done', () => {
  const { lines, pass, screen: on } = screen();
  const view = new BuildView(on);
  say(view, 'Step 1/2 : RUN make', '\n', ' ---> Running in 0123456789ab\n');
  pass(1000);
  say(view, 'one\ntwo\n', '\u001b[91mthree\u001b[0m', '\n');
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line.trimEnd()),
    ['Step 1/2 : RUN make                1.0s', ' | one', ' | two'],
  );
  pass(500);
  say(
    view,
    ' ---> 0123456789ab\n',
    'Step 2/2 : CMD ["x"]',
    '\n',
    ' ---> Using cache\n',
    'Successfully built 0123456789ab\n',
  );
  view.end(false);
  assert.deepEqual(lines, [
    'Step 1/2 : RUN make                1.5s',
    'Step 2/2 : CMD ["x"]        CACHED 0.0s',
    'Successfully built 0123456789ab',
    '',
  ]);
});

test('a step that failed keeps what it said', () => {
  const { lines, screen: on } = screen();
  const view = new BuildView(on);
  say(view, 'Step 1/1 : RUN false', '\n', ...Array.from({ length: 20 }, (_, i) => `line ${i}\n`), 'the end');
  view.end(true);
  assert.equal(lines[0], 'Step 1/1 : RUN false         ERROR 0.0s');
  assert.equal(lines.length, 23);
  assert.deepEqual(lines.slice(-3), [' | line 19', ' | the end', '']);
});

test('while a step runs only the end of its output is shown, in lines that fit', () => {
  const { lines, pass, screen: on } = screen();
  const view = new BuildView(on);
  say(view, `Step 1/1 : RUN ${'x'.repeat(100)}`, '\n');
  pass(200);
  say(view, `${Array.from({ length: 20 }, (_, i) => `line ${i} ${'y'.repeat(100)}`).join('\n')}\n`);
  assert.equal(lines.length, 1 + 6 + 1);
  assert.ok(lines.every((line) => line.length < 40));
  assert.match(lines[6]!, /^ \| line 19 y+$/);
  view.end(false);
});

test('output cannot move the cursor, nor overwrite other lines', () => {
  const { lines, pass, screen: on } = screen();
  const view = new BuildView(on);
  say(view, 'Step 1/1 : RUN evil', '\n');
  pass(200);
  say(view, '\u001b[10A\u001b[2Jgone 10%\rgone 20%\r\n\u001b]0;title\u0007x\n');
  view.end(true);
  const text = lines.join('\n');
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/);
  assert.match(text, /^ \| gone 20%$/m);
});

test('images that are pulled are shown by layer', () => {
  const { lines, pass, screen: on } = screen();
  const view = new BuildView(on);
  say(view, 'Step 1/1 : FROM x', '\n');
  view.take({ id: 'a', status: 'Downloading', progressDetail: { current: 1, total: 4 } });
  pass(200);
  view.take({ id: 'a', status: 'Downloading', progressDetail: { current: 2, total: 4 } });
  assert.equal(lines[1], ' | a: Downloading 50%');
  view.end(false);
});

for (const [columns, rows] of [
  [40, 24],
  [12, 24],
  [5, 3],
  [1, 1],
] as const)
  test(`200 steps are 200 lines, and nothing is wider than ${columns} columns or higher than ${rows} lines`, () => {
    const { lines, pass, screen: on } = screen(columns, rows);
    const wide: string[] = [];
    const view = new BuildView({
      ...on,
      write: (text) => {
        // What is wider than the screen would be two lines there.
        if (!text.startsWith('\x1b'))
          wide.push(...text.split('\n').filter((line) => line.replaceAll('建', '..').length >= Math.max(2, columns)));
        // oxlint-disable-next-line no-control-regex -- how a screen is written
        const drawn = /^\x1b\[(\d+)A/.exec(text)?.[1] ?? '0';
        assert.ok(Number(drawn) < Math.max(2, rows), `${drawn} lines are drawn again`);
        on.write(text);
      },
    });
    for (let i = 1; i <= 200; i++) {
      say(
        view,
        `Step ${i}/200 : RUN 建建建建建建建建建建建建建建建建建建建建`,
        '\n',
        ' ---> Running in 0123456789ab\n',
      );
      pass(200);
      say(view, '建'.repeat(60), '\n', ...Array.from({ length: 8 }, (_, n) => `line ${n}\n`));
      pass(200);
      say(view, 'end\n');
    }
    view.end(false);
    assert.equal(lines.length, 201);
    assert.deepEqual(wide, []);
    if (columns === 40) assert.match(lines[199]!, /^Step 200\/200 : RUN 建+ +0\.4s$/);
    if (columns === 12) assert.equal(lines[199], 'Step 200/20');
  });

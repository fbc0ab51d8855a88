import assert from 'node:assert/strict';
import test from 'node:test';
import { parseDockerfile, parseTrigger } from './dockerfile.ts';
import type { StageInstruction } from './instruction.ts';

function instructionsOf(text: string): readonly StageInstruction[] {
  return parseDockerfile(`FROM a\n${text}`).stages[0]!.instructions;
}

type Found<K, T = StageInstruction> = T extends { readonly kind: infer U } ? (K extends U ? T : never) : never;

function only<K extends StageInstruction['kind']>(kind: K, text: string): Found<K> {
  const [found, ...more] = instructionsOf(text);
  assert.equal(more.length, 0);
  assert.equal(found?.kind, kind);
  return found as Found<K>;
}

const refusal = (text: string, words: RegExp): void => void assert.throws(() => parseDockerfile(text), words);

test('directives are read until the first other line, and none twice', () => {
  const file = parseDockerfile('# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM a\nRUN a `\n b');
  assert.equal(file.syntax, 'docker/dockerfile:1');
  assert.equal(file.escape, '`');
  assert.equal(file.check, 'skip=all');
  assert.equal(file.stages[0]!.instructions[0]!.original, 'RUN a  b');
  assert.equal(parseDockerfile('\n# escape=`\nFROM a').escape, '\\');
  assert.equal(parseDockerfile('# about\n# escape=`\nFROM a').escape, '\\');
  refusal('# escape=`\n# escape=`\nFROM a', /on line 2: only one escape parser directive can be used/);
  refusal('# escape=x\nFROM a', /invalid escape token 'x'/);
});

test('an instruction goes on over comments and empty lines, which are told of', () => {
  const file = parseDockerfile('FROM a\nRUN a \\\n# c\n  # d\n  b\\\n\n  c');
  assert.equal(file.stages[0]!.instructions[0]!.original, 'RUN a   b  c');
  assert.deepEqual(file.warnings, ['Empty continuation line found in: RUN a   b  c']);
  assert.equal(only('run', 'RUN echo \\\\\n').command.words[0], 'echo \\\\');
  assert.equal(only('run', 'RUN a \\ \t\n b').command.words[0], 'a  b');
});

test('a byte-order mark and carriage returns are no part of anything', () => {
  const file = parseDockerfile('\uFEFFFROM a\r\nRUN b \\\r\n c\r\n');
  assert.equal(file.stages[0]!.from.base, 'a');
  assert.equal(file.stages[0]!.instructions[0]!.original, 'RUN b  c');
});

test('heredocs are read one after the other, with quotes, tabs and descriptors', () => {
  const run = only('run', 'RUN cat <<E1 3<<-"E 2" -\n1\nE1\n\t2\n\tE 2\n');
  assert.deepEqual(
    run.heredocs.map(({ name, content, expand, chomp, descriptor }) => [name, content, expand, chomp, descriptor]),
    [
      ['E1', '1\n', true, false, 0],
      ['E 2', '\t2\n', false, true, 3],
    ],
  );
  const copy = only('copy', "COPY <<one b <<'two' /d/\n$A\none\n$B\ntwo\n");
  assert.deepEqual(copy.sources, ['b']);
  assert.deepEqual(
    copy.texts.map(({ name, content, expand }) => [name, content, expand]),
    [
      ['one', '$A\n', true],
      ['two', '$B\n', false],
    ],
  );
  assert.equal(only('run', 'RUN echo "<<NO"').heredocs.length, 0);
  assert.equal(only('run', 'RUN ["cat", "<<NO"]').heredocs.length, 0);
  assert.equal(only('run', 'RUN << EOF\nx\nEOF\n').heredocs[0]!.content, 'x\n');
  refusal('FROM a\nRUN <<EOF\nx\n', /on line 2: unterminated heredoc/);
  refusal('FROM a\nCOPY x <<EOF\nEOF\n', /COPY cannot accept a heredoc as a destination/);
});

test('a JSON form is a list of texts, and everything else is for the shell', () => {
  assert.deepEqual(only('cmd', 'CMD ["a", "b c", "\\u0041"]').command, { words: ['a', 'b c', 'A'], isShell: false });
  assert.deepEqual(only('cmd', 'CMD ["a", b]').command, { words: ['["a", b]'], isShell: true });
  assert.deepEqual(only('entrypoint', 'ENTRYPOINT []').command, { words: [], isShell: false });
  assert.deepEqual(only('volume', 'VOLUME ["/a b", "/c"]').items, ['/a b', '/c']);
  refusal('FROM a\nCMD ["a", 1]', /arrays must be comprised of strings only/);
  refusal('FROM a\nSHELL /bin/sh', /SHELL requires the arguments to be in JSON form/);
});

test('pairs keep their quotes, and the old form has one', () => {
  assert.deepEqual(only('env', 'ENV A=b\\ c D="e f" G=\'h\'').pairs, [
    { key: 'A', value: 'b\\ c' },
    { key: 'D', value: '"e f"' },
    { key: 'G', value: "'h'" },
  ]);
  assert.deepEqual(only('env', 'ENV X y z  w').pairs, [{ key: 'X', value: 'y z  w' }]);
  refusal('FROM a\nENV ONE=1 TWO', /can't find = in "TWO"/);
  refusal('FROM a\nENV ONE', /ENV must have two arguments/);
  refusal('FROM a\nLABEL =x', /LABEL names can not be blank/);
  assert.deepEqual(only('arg', 'ARG A B=c').args, [
    { key: 'A', value: undefined },
    { key: 'B', value: 'c' },
  ]);
});

test('flags are those of the instruction, each once', () => {
  const copy = only('copy', 'COPY --from=b --chown=1:2 --link --exclude=*.md --exclude=x --chmod=755 a b /c/');
  assert.deepEqual(
    [copy.from, copy.chown, copy.link, copy.chmod, copy.sources, copy.destination],
    ['b', '1:2', true, '755', ['a', 'b'], '/c/'],
  );
  assert.deepEqual(copy.exclude, ['*.md', 'x']);
  assert.equal(only('add', 'ADD --checksum=sha256:1 --unpack=false http://x /y').unpack, false);
  refusal('FROM a\nCOPY --link= a b', /missing a value on flag: --link/);
  refusal('FROM a\nCOPY --link=1 a b', /expecting boolean value for flag --link, not: 1/);
  refusal('FROM a\nCOPY --chown=1 --chown=2 a b', /duplicate flag specified: --chown/);
  refusal('FROM a\nCOPY --form=x a b', /unknown flag: --form/);
  refusal('FROM a\nADD --from=x a b', /unknown flag: --from/);
  refusal('FROM a\nENV --x A=b', /unknown flag: --x/);
  assert.equal(only('run', 'RUN --network=none -- --x').command.words[0], '--x');
});

test('stages have names, numbers and platforms', () => {
  const { stages, args } = parseDockerfile('ARG V=1\nFROM --platform=$P a:$V AS Base\nRUN x\nFROM base');
  assert.deepEqual(args[0]!.args, [{ key: 'V', value: '1' }]);
  assert.deepEqual([stages[0]!.from.name, stages[0]!.from.platform, stages[1]!.from.base], ['base', '$P', 'base']);
  refusal('FROM a AS 1x', /invalid name for build stage: "1x"/);
  refusal('FROM a b', /FROM requires either one or three arguments/);
  refusal('RUN x\nFROM a', /no build stage in current context/);
  refusal('# only a comment', /file with no instructions/);
  refusal('ARG A', /no build stage in current context/);
  refusal('FROM a\nFOO x', /dockerfile parse error on line 2: unknown instruction: FOO/);
});

test('a health check has its times', () => {
  assert.deepEqual(only('healthcheck', 'HEALTHCHECK --interval=5s --retries=3 CMD ["a"]').check, {
    test: ['CMD', 'a'],
    intervalNs: 5e9,
    timeoutNs: 0,
    startPeriodNs: 0,
    startIntervalNs: 0,
    retries: 3,
  });
  assert.deepEqual(only('healthcheck', 'HEALTHCHECK CMD curl -f x').check.test, ['CMD-SHELL', 'curl -f x']);
  refusal('FROM a\nHEALTHCHECK NONE x', /HEALTHCHECK NONE takes no arguments/);
  refusal('FROM a\nHEALTHCHECK --interval=1 CMD x', /on line 2: time: invalid duration/);
});

test('a trigger keeps its heredocs, and is read again as it was', () => {
  const [first, second] = instructionsOf('ONBUILD RUN <<E\nx\nE\nONBUILD COPY --from=x a b');
  assert.equal(first?.kind === 'onbuild' && first.expression, 'RUN <<E\nx\nE');
  const [run] = parseTrigger((first as { expression: string }).expression);
  assert.equal(run?.kind === 'run' && run.heredocs[0]!.content, 'x\n');
  const [copy] = parseTrigger((second as { expression: string }).expression);
  assert.equal(copy?.kind === 'copy' && copy.from, 'x');
  refusal('FROM a\nONBUILD ONBUILD RUN x', /Chaining ONBUILD/);
  refusal('FROM a\nONBUILD FROM x', /FROM isn't allowed as an ONBUILD trigger/);
});

/** What comes with the context of a build: Dockerfiles and lists of files to leave out. */
import { IgnorePatterns } from '../../../src/base/ignore-patterns.ts';
import { parseDockerfile, parseTrigger } from '../../../src/build/dockerfile/dockerfile.ts';
import { expandWord, expandWords } from '../../../src/build/dockerfile/expand.ts';
import { readMount } from '../../../src/build/dockerfile/run-mount.ts';
import type { Target } from '../campaign.ts';
import { mutateText } from '../mutate.ts';

const FILES = [
  '# syntax=docker/dockerfile:1\n# escape=`\nARG V=1\nFROM --platform=$P a:$V AS b\nRUN x `\n  y\n',
  'FROM a\nRUN --mount=type=cache,target=/x <<E1 cat <<-"E 2"\n1\nE1\n\t2\n\tE 2\nCOPY --from=b --chown=1:2 <<f a /d/\n$A\nf\n',
  'FROM a\nENV A=b\\ c D="e f"\nENV X y z\nLABEL a="b" c=d\nARG A B=c\nUSER $A:${B:-c}\nEXPOSE 80 $P/tcp\nVOLUME ["/a"]\n',
  'FROM a\nHEALTHCHECK --interval=5s CMD ["a"]\nONBUILD RUN <<E\nx\nE\nSHELL ["/bin/sh"]\nSTOPSIGNAL 9\nADD --checksum=sha256:0 http://a/b /c\n',
];
const WORDS = [
  '<<',
  '<<-',
  '\\',
  '`',
  '\n',
  '$',
  '${',
  '}',
  ':-',
  '#',
  '%',
  '//',
  '*',
  '?',
  '"',
  "'",
  '[',
  ']',
  '--',
  '=',
  '\t',
  '\0',
];
const TEXTS = ['${A:-${B:+c}}', '${A#*.}', '${A%%x?}', '${A//a/b}', '"$A" \'$B\'', '$A$A$A', '\\$A', '<<E'];
const VALUES: Readonly<Record<string, string>> = { A: 'a.b.c', B: '', LONG: 'x'.repeat(5000) };
const variables = (name: string): string | undefined => (Object.hasOwn(VALUES, name) ? VALUES[name] : undefined);

const target = (
  name: string,
  samples: readonly string[],
  words: readonly string[],
  read: (text: string) => void,
): Target => ({ name, make: (random) => mutateText(random, samples, words), read: (input) => read(input as string) });

export const dockerfileTargets: readonly Target[] = [
  target('Dockerfile', FILES, WORDS, (text) => {
    for (const { instructions } of parseDockerfile(text).stages)
      for (const instruction of instructions) if (instruction.kind === 'onbuild') parseTrigger(instruction.expression);
  }),
  target('Dockerfile variables', TEXTS, [...WORDS, '$LONG', '${LONG//x/', '${LONG%%*'], (text) => {
    expandWord(text, variables, { escape: '\\' });
    expandWords(text, variables, { escape: '`', keepUnset: true });
  }),
  target(
    'RUN --mount',
    [
      'type=cache,target=/x,sharing=locked',
      'type=secret,id=a,env=B,required',
      '"type=bind",from=a',
      'type=tmpfs,size=1.5g',
    ],
    ['type=', 'ssh', ',', '"', '=', 'mode=0777', 'uid=1', 'ro'],
    (text) => void readMount(text, (value) => value),
  ),
  target(
    '.dockerignore',
    ['a\n!b/**\n*/c?[a-z]', '**/x\n/y/\n# z', '\\*\\['],
    ['**/', '*', '!', '[^', ']', '\\', '\n'],
    (text) => {
      const patterns = IgnorePatterns.ofFile(text);
      for (const path of ['a', 'a/b/c', `${'a/'.repeat(300)}b`]) patterns.ignores(path);
    },
  ),
];

/**
 * The Dockerfiles of test/build-corpus, each built by the engine and by buildah: files and configurations are the same,
 * but for what is listed here. CAUSEWAY_CORPUS_FULL=1 takes all of them, not every third.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compareCorpus, CORPUS, hasBuildah, type Compared } from '../build-corpus/run-corpus.ts';
import { TestEngine } from '../harness/test-engine.ts';

/** By the Dockerfile's name: lines that differ, and why. */
const DIFFERENCES: Readonly<Record<string, { readonly lines: readonly RegExp[]; readonly why: string }>> = {
  'copy-all': {
    lines: [/^\/all\/\.dockerignore: /],
    why: "Docker's client adds the Dockerfile that it sends along to what is ignored",
  },
  'copy-from-stage': {
    lines: [/^\/to: directory 750 3:4 \| directory 755 0:0$/],
    why: 'a directory that a copy makes is as the one that is copied, as with BuildKit; with buildah it is like any',
  },
  'copy-modes': {
    lines: [/^\/m\/sticky: directory 1777 0:0 \| directory 755 0:0$/],
    why: 'the same',
  },
  'escape-backtick': {
    lines: [/^Config\.Env: .*"P=C:\\\\dir"\] \| .*"P=C:dir"\]$/],
    why: 'buildah takes the backslash for the escape character of words even if another one is set',
  },
  'shell-form': {
    lines: [/^Config\.Cmd: \["\/bin\/sh","-ec","run this"\] \| \["\/bin\/sh","-c","run this"\]$/],
    why: 'buildah does not use the SHELL for CMD',
  },
  'volume-forms': {
    lines: [/^\/three four: none \| directory 755 0:0$/],
    why: 'buildah makes directories for volumes; Docker does when a container is made',
  },
};

const isFull = process.env['CAUSEWAY_CORPUS_FULL'] === '1';
const names = CORPUS.filter((name, i) => isFull || i % 3 === 0 || Object.hasOwn(DIFFERENCES, name));
const skip = hasBuildah() ? false : 'buildah and podman are not installed';

let engine: TestEngine | undefined;
let compared: readonly Compared[] = [];
before(async () => {
  if (skip) return;
  engine = await TestEngine.start();
  engine.importFixtures();
  compared = await compareCorpus(engine, names);
});
after(() => engine?.destroy());

test('the corpus is as large as it is said to be, and differences are of files that are in it', () => {
  assert.ok(CORPUS.length >= 60, `${CORPUS.length}`);
  assert.deepEqual(
    Object.keys(DIFFERENCES).filter((name) => !CORPUS.includes(name)),
    [],
  );
});

for (const name of names)
  test(
    `${name} comes to the same image as with buildah${Object.hasOwn(DIFFERENCES, name) ? ', but for what is listed' : ''}`,
    { skip },
    () => {
      const { differences } = compared.find((one) => one.name === name)!;
      const known = DIFFERENCES[name]?.lines ?? [];
      assert.deepEqual(
        differences.filter((line) => !known.some((pattern) => pattern.test(line))),
        [],
      );
      for (const pattern of known)
        assert.ok(
          differences.some((line) => pattern.test(line)),
          `no longer true: ${pattern}`,
        );
    },
  );

/** Dockerfiles and contexts that want out of their build, by the ways that were open in builders of others. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

process.env['DOCKER_BUILDKIT'] = '0';
let engine: TestEngine;
let directory: string;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  directory = mkdtempSync(join(tmpdir(), 'hostile-builds-'));
  mkdirSync(join(directory, 'host/deep'), { recursive: true });
  writeFileSync(join(directory, 'host/secret'), 'of the host');
});
after(() => {
  rmSync(directory, { recursive: true, force: true });
  return engine?.destroy();
});

const LIMIT = { timeout: 120_000 };
let contexts = 0;

function contextOf(dockerfile: string): string {
  const context = join(directory, `context-${contexts++}`);
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  return context;
}

function said(context: string): string {
  const { out, err } = engine.docker('build', context);
  return out + err;
}

const out = (): string => `/../../../../../..${directory}/host`;

test('no source of a mount leads out of its stage or of the context', LIMIT, () => {
  const show = 'ls /m; cat /m/secret; true';
  for (const mount of [
    'from=links,source=/out',
    `from=links,source=/up/../..${directory}/host,rw`,
    'type=cache,from=links,source=/out',
  ])
    assert.doesNotMatch(
      said(
        contextOf(
          `FROM busybox AS links\nRUN mkdir -p ${directory}/host && ln -s ${out()} /out && ln -s / /up\n` +
            `FROM busybox\nRUN --mount=${mount},target=/m ${show}\n`,
        ),
      ),
      /of the host/,
    );
  for (const flags of ['', ',rw']) {
    const context = contextOf(`FROM busybox\nRUN --mount=source=link,target=/m${flags} ${show}\n`);
    symlinkSync(join(directory, 'host'), join(context, 'link'));
    assert.doesNotMatch(said(context), /of the host/);
  }
});

test(
  'no target of a mount is made outside, and what a step puts in place of one takes nothing away outside',
  LIMIT,
  () => {
    const context = contextOf(
      `FROM busybox\nRUN ln -s ${out()} /t\nRUN --mount=type=tmpfs,target=/t/made true\n` +
        `RUN --mount=type=tmpfs,target=/stub/deep mv /stub /gone && ln -s ${out()} /stub\n`,
    );
    engine.docker('build', context);
    assert.deepEqual(readdirSync(join(directory, 'host')).sort(), ['deep', 'secret']);
    assert.ok(existsSync(join(directory, 'host/deep')));
  },
);

test('a step is confined as any container, whatever the Dockerfile asks for', LIMIT, () => {
  const facts =
    "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cut -d' ' -f5,6 /proc/self/mountinfo | grep -E '^/(proc|sys)' | sort";
  const context = contextOf(`FROM busybox\nRUN ${facts}\n`);
  const inStep = engine.ok('build', '--no-cache', context);
  const asContainer = engine.ok('run', '--rm', 'busybox', 'sh', '-c', facts);
  assert.match(asContainer, /CapEff[^]*\/proc\/keys/);
  assert.ok(inStep.includes(asContainer), `${inStep}\n---\n${asContainer}`);
  const insecure = engine.docker('build', contextOf('FROM busybox\nRUN --security=insecure true\n'));
  assert.match(insecure.err, /security\.insecure is not allowed/);
});

test('an image that came from elsewhere is no cache, whatever history it tells', LIMIT, () => {
  const context = contextOf('FROM busybox\nRUN echo good > /f\n');
  engine.ok('build', '-t', 'mine', context);
  assert.match(engine.ok('build', context), /Using cache/);
  const archive = join(directory, 'mine.tar');
  engine.ok('save', '-o', archive, 'mine');
  engine.ok('rmi', 'mine');
  engine.ok('builder', 'prune', '-af');
  engine.ok('load', '-i', archive);
  assert.doesNotMatch(engine.ok('build', context), /Using cache/);
});

/** `docker build` through buildx, on the session door: what it prints, what comes of it, and what it asks of the client. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { errorMessage } from '../../src/base/errors.ts';
import { serveGrpc, type GrpcMethod } from '../../src/base/grpc/grpc-server.ts';
import { listWorkersResponse } from '../../src/wire/buildkit/control.ts';
import { encode } from '../../src/wire/protobuf.ts';
import { missingClient, TEST_CLIENTS } from '../harness/test-clients.ts';
import type { Ran } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';
import { writeTree } from '../harness/write-tree.ts';

const sized = (bytes: Buffer): Buffer => {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
};
const KIND = sized(Buffer.from('ssh-ed25519'));
const KEY = Buffer.concat([KIND, sized(Buffer.alloc(32, 'k'))]);
/** SSH_AGENT_IDENTITIES_ANSWER: one key. */
const KEYS = Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), sized(KEY), sized(Buffer.from('its comment'))]);
/** SSH_AGENT_SIGN_RESPONSE: what stands for a signature here is a digest. */
const signatureOf = (data: Buffer): Buffer =>
  Buffer.concat([Buffer.from([14]), sized(Buffer.concat([KIND, sized(createHash('sha512').update(data).digest())]))]);

/** SSH_AGENTC_SIGN_REQUEST: a key, the data, flags. */
function signatureFor(request: Buffer): Buffer {
  const key = 5 + request.readUInt32BE(1);
  return signatureOf(request.subarray(key + 4, key + 4 + request.readUInt32BE(key)));
}

/** An ssh agent with one key. buildx reads and writes the messages of both sides itself: they must be sound. */
function answerAsAgent(connection: Socket): void {
  let received = Buffer.alloc(0);
  connection.on('error', () => connection.destroy());
  connection.on('data', (piece: Buffer) => {
    received = Buffer.concat([received, piece]);
    while (received.length >= 4 && received.length >= 4 + received.readUInt32BE()) {
      const request = received.subarray(4, 4 + received.readUInt32BE());
      received = received.subarray(4 + request.length);
      connection.write(sized(request[0] === 11 ? KEYS : signatureFor(request)));
    }
  });
}

function symlinkOnce(target: string, path: string): void {
  if (!existsSync(path)) symlinkSync(target, path);
}

for (const client of ['buildx', 'buildx13'] as const)
  describe(client === 'buildx' ? 'the newest buildx' : 'buildx 0.13', { skip: missingClient(client) }, () => {
    let engine: TestEngine;
    let directory: string;
    let contexts = 0;

    before(async () => {
      engine = await TestEngine.start();
      engine.importFixtures();
      directory = mkdtempSync(join(tmpdir(), 'buildx-'));
      mkdirSync(join(directory, 'config/cli-plugins'), { recursive: true });
      symlinkSync(TEST_CLIENTS[client], join(directory, 'config/cli-plugins/docker-buildx'));
    });
    after(() => {
      rmSync(directory, { recursive: true, force: true });
      return engine?.destroy();
    });

    const environment = (): string[] => [
      `DOCKER_HOST=${engine.url}`,
      `DOCKER_CONFIG=${join(directory, 'config')}`,
      'BUILDKIT_PROGRESS=plain',
    ];
    const docker = (...args: string[]): Ran => engine.host.run('env', ...environment(), 'docker', ...args);
    const ok = (...args: string[]): Ran => {
      const ran = docker(...args);
      assert.equal(ran.code, 0, `docker ${args.join(' ')}: ${ran.out}${ran.err}`);
      return ran;
    };
    const build = (context: string, ...flags: string[]): Ran => docker('build', ...flags, context);
    const built = (context: string, ...flags: string[]): string => ok('build', ...flags, context).err;
    const inImage = (image: string, script: string): string =>
      ok('run', '--rm', '-u', '0', '--entrypoint', '/bin/sh', image, '-c', script).out.trim();

    /** A context with these files; a name that ends in '/' is a directory. */
    function contextOf(files: Readonly<Record<string, string>>): string {
      return writeTree(join(directory, `context-${contexts++}`), files);
    }

    /** The parts of a build that its output names, in their order, each with how it ended. */
    const parts = (output: string): string[] =>
      [...output.matchAll(/^#(\d+) (\[.*|exporting to .*)$/gm)]
        .map(([, number, name]) => {
          const end = new RegExp(`^#${number} (DONE|CACHED|ERROR|CANCELED)`, 'm').exec(output)?.[1] ?? '';
          return `${name} ${end}`;
        })
        .filter((line, i, all) => all.indexOf(line) === i);

    test('a build shows its parts under their names and becomes an image with its name', { timeout: 120_000 }, () => {
      const context = contextOf({
        Dockerfile:
          'FROM busybox\nENV A=b\nWORKDIR /work\nRUN echo said $A; echo to stderr >&2\nCOPY file dir /work/\nCMD ["cat", "/work/file"]\n',
        file: 'content\n',
        'dir/below': 'x',
      });
      const output = built(context, '-t', 'shown', '--label', 'l=$x');
      const shown = parts(output);
      for (const part of [
        '[internal] load build definition from Dockerfile DONE',
        '[internal] load .dockerignore DONE',
        '[internal] load build context DONE',
        '[1/4] FROM docker.io/library/busybox:latest DONE',
        '[2/4] WORKDIR /work DONE',
        '[3/4] RUN echo said $A; echo to stderr >&2 DONE',
        '[4/4] COPY file dir /work/ DONE',
        'exporting to image DONE',
      ])
        assert.ok(shown.includes(part), `${part}\n${output}`);
      assert.match(output, /^#\d+ \d+\.\d+ said b$/m);
      assert.match(output, /^#\d+ \d+\.\d+ to stderr$/m);
      assert.match(output, /naming to docker\.io\/library\/shown/);
      assert.equal(ok('run', '--rm', 'shown').out, 'content\n');
      assert.equal(inImage('shown', 'cat /work/below'), 'x');
      const [image] = JSON.parse(ok('image', 'inspect', 'shown').out) as [
        { Config: { Labels: object; Env: string[] } },
      ];
      assert.deepEqual(image.Config.Labels, { l: '$x' });
      assert.ok(image.Config.Env.includes('A=b'));
    });

    test('a step that fails ends the build with its code in words', { timeout: 120_000 }, () => {
      const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo before; exit 3\nRUN echo never\n' });
      const ran = build(context, '-t', 'failed');
      assert.notEqual(ran.code, 0);
      assert.match(
        ran.err,
        /ERROR: process "\/bin\/sh -c echo before; exit 3" did not complete successfully: exit code: 3/,
      );
      assert.match(ran.err, /failed to solve: process "\/bin\/sh -c echo before; exit 3" did not complete/);
      assert.match(ran.err, /^#\d+ \d+\.\d+ before$/m);
      assert.doesNotMatch(ran.err, /never\n.*DONE/);
      assert.notEqual(docker('image', 'inspect', 'failed').code, 0);
    });

    test('what is wrong with a Dockerfile is said', { timeout: 120_000 }, () => {
      const wrong = build(contextOf({ Dockerfile: 'FROM busybox\nNOTHING here\n' }));
      assert.notEqual(wrong.code, 0);
      assert.match(wrong.err, /unknown instruction: NOTHING/i);
      const none = build(contextOf({ other: '' }));
      assert.notEqual(none.code, 0);
      assert.match(none.err, /failed to read dockerfile: open Dockerfile: no such file or directory/);
      const missing = build(contextOf({ Dockerfile: 'FROM busybox\nCOPY nothing /\n' }));
      assert.notEqual(missing.code, 0);
      assert.match(missing.err, /nothing/);
    });

    test('steps come from the cache until something of theirs changes', { timeout: 120_000 }, () => {
      const context = contextOf({
        Dockerfile: 'FROM busybox\nRUN echo one > /one\nCOPY file /file\nRUN cat /file > /two\n',
        file: 'first',
        unused: 'x',
      });
      built(context, '-t', 'cached');
      const again = parts(built(context, '-t', 'cached'));
      for (const part of ['[2/4] RUN echo one > /one', '[3/4] COPY file /file', '[4/4] RUN cat /file > /two'])
        assert.ok(again.includes(`${part} CACHED`), again.join('\n'));
      writeFileSync(join(context, 'unused'), 'y');
      writeFileSync(join(context, 'file'), 'other');
      const changed = parts(built(context, '-t', 'cached'));
      assert.ok(changed.includes('[2/4] RUN echo one > /one CACHED'), changed.join('\n'));
      assert.ok(changed.includes('[3/4] COPY file /file DONE'), changed.join('\n'));
      assert.equal(inImage('cached', 'cat /two'), 'other');
      const anew = parts(built(context, '-t', 'cached', '--no-cache'));
      assert.ok(anew.includes('[2/4] RUN echo one > /one DONE'), anew.join('\n'));
    });

    test('arguments, targets and stages are as asked', { timeout: 120_000 }, () => {
      const context = contextOf({
        Dockerfile:
          'ARG V=latest\nFROM busybox:$V AS base\nARG WHAT=default\nRUN echo "$WHAT" > /what\nFROM busybox AS unused\nRUN exit 1\nFROM base AS wanted\nCOPY --from=base /what /copied\nFROM base\nRUN exit 2\n',
      });
      const shown = parts(built(context, '-t', 'staged', '--target', 'wanted', '--build-arg', 'WHAT=given'));
      assert.ok(shown.includes('[base 2/2] RUN echo "$WHAT" > /what DONE'), shown.join('\n'));
      assert.ok(shown.includes('[wanted 1/1] COPY --from=base /what /copied DONE'), shown.join('\n'));
      assert.equal(inImage('staged', 'cat /copied'), 'given');
    });

    test(
      '.dockerignore keeps files on the client, and one beside the Dockerfile comes first',
      { timeout: 120_000 },
      () => {
        const context = contextOf({
          Dockerfile: 'FROM busybox\nCOPY . /all\n',
          'other.Dockerfile': 'FROM busybox\nCOPY . /all\n',
          '.dockerignore': 'secret\n**/*.tmp\n!keep.tmp\nDockerfile\n.dockerignore\nother*\n',
          'other.Dockerfile.dockerignore': '*\n!a\n',
          secret: 's',
          'a/b.tmp': 't',
          'a/c': 'c',
          'keep.tmp': 'k',
          'ä ö': 'u',
        });
        built(context, '-t', 'ignored');
        assert.equal(inImage('ignored', 'cd /all; find . -type f | sort'), './a/c\n./keep.tmp\n./ä ö');
        built(context, '-t', 'ignored', '-f', join(context, 'other.Dockerfile'));
        assert.equal(inImage('ignored', 'cd /all; find . -type f | sort'), './a/b.tmp\n./a/c');
      },
    );

    test('secrets are there for their step and in no image', { timeout: 120_000 }, () => {
      const context = contextOf({
        Dockerfile:
          'FROM busybox\nRUN --mount=type=secret,id=one cat /run/secrets/one | wc -c > /size\nRUN --mount=type=secret,id=two,env=TWO test "$TWO" = hidden\nRUN --mount=type=secret,id=none test ! -e /run/secrets/none\n',
        secret: 'twelve bytes',
      });
      const flags = ['--secret', `id=one,src=${join(context, 'secret')}`, '--secret', 'id=two,env=TWO_VALUE'];
      const ran = engine.host.run(
        'env',
        ...environment(),
        'TWO_VALUE=hidden',
        'docker',
        'build',
        '-t',
        'secrets',
        ...flags,
        context,
      );
      assert.equal(ran.code, 0, ran.err);
      assert.equal(inImage('secrets', 'cat /size; ls -A /run 2>/dev/null || true'), '12');
      assert.match(
        build(contextOf({ Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=none,required=true true\n' })).err,
        /secret none: not found/,
      );
    });

    test('a step talks to an agent of the client, and gets its answers whole', { timeout: 120_000 }, async (t) => {
      const socket = join(directory, 'agent.sock');
      const agent = createServer(answerAsAgent);
      agent.listen(socket);
      await once(agent, 'listening');
      t.after(() => agent.close());
      // A list of keys, and then, on the same connection, a signature under more than one packet of the way holds.
      const ask = `
        socket(S, 1, 1, 0) && connect(S, pack("S a108", 1, $ENV{SSH_AUTH_SOCK})) or die "no agent: $!";
        sub ask { my $m = pack("N", length $_[0]) . $_[0]; while (length $m) { my $n = syswrite(S, $m) or die; substr($m, 0, $n) = "" }
          my $a = ""; while (length $a < 4 || length $a < 4 + unpack("N", $a)) { sysread(S, $a, 65536, length $a) or die "ended" } substr($a, 4) }
        print unpack("H*", ask(chr 11)), "\\n", unpack("H*", ask(pack("C N/a* N/a* N", 13, pack("H*", "${KEY.toString('hex')}"), "x" x 200000, 0))), "\\n";`;
      const context = contextOf({
        Dockerfile:
          'FROM busybox\nCOPY programs/ /\nRUN --mount=type=ssh perl /ask.pl >/answers && ls -l $SSH_AUTH_SOCK | cut -c1-10 >>/answers\n',
        'programs/ask.pl': ask.replaceAll('\\\\', '\\'),
      });
      engine.host.ok(
        'sh',
        '-c',
        `cp --parents -L /usr/bin/perl $(ldd /usr/bin/perl | grep -o '/[^ ]*') ${context}/programs`,
      );
      // This process is the agent: it must not wait for the client in one piece.
      const child = spawn(
        'env',
        [...environment(), 'docker', 'build', '--ssh', `default=${socket}`, '-t', 'agent', context],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let words = '';
      child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 0, words);
      assert.deepEqual(inImage('agent', 'cat /answers').split('\n'), [
        KEYS.toString('hex'),
        signatureOf(Buffer.alloc(200_000, 'x')).toString('hex'),
        'srw-------',
      ]);
      const without = build(context, '--no-cache');
      assert.notEqual(without.code, 0, 'a step that needs an agent fails without one');
    });

    test('results go to a directory or an archive of the client instead of to the store', { timeout: 120_000 }, () => {
      const context = contextOf({
        Dockerfile:
          'FROM busybox AS files\nRUN mkdir -p /out/deep; echo made > /out/deep/file; ln -s file /out/deep/link; chmod 751 /out/deep/file\nFROM scratch\nCOPY --from=files /out /\n',
      });
      const to = join(directory, `out-${contexts}`);
      const shown = built(context, '--output', `type=local,dest=${to}`);
      assert.match(shown, /exporting to client directory/);
      assert.equal(readFileSync(join(to, 'deep/link'), 'utf8'), 'made\n');
      assert.equal(statSync(join(to, 'deep/file')).mode & 0o777, 0o751);
      built(context, '-o', `type=tar,dest=${to}.tar`);
      const listed = engine.host.run('tar', '-tf', `${to}.tar`).out.trim().split('\n').sort();
      assert.deepEqual(
        listed.map((name) => name.replace(/\/$/, '')),
        ['deep', 'deep/file', 'deep/link'],
      );
    });

    test('a result is pushed to a registry, or loaded, and is told in files', { timeout: 120_000 }, async (t) => {
      const config = join(directory, 'registry.yml');
      const storage = join(directory, `registry-${client}`);
      writeFileSync(
        config,
        `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${storage}\nhttp:\n  addr: 127.0.0.1:5000\n`,
      );
      const registry = engine.host.spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
      t.after(() => void registry.kill('SIGKILL'));
      await until('the registry serves', () => engine.host.run('curl', '-sf', 'http://127.0.0.1:5000/v2/').code === 0);
      const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo pushed > /told\n' });
      const name = '127.0.0.1:5000/some/pushed:1';
      const [iid, metadata] = [join(directory, 'iid'), join(directory, 'metadata')];
      ok('buildx', 'build', '--push', '-t', name, '--iidfile', iid, '--metadata-file', metadata, context);
      const id = ok('image', 'inspect', '-f', '{{.Id}}', name).out.trim();
      const told = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>;
      assert.equal(readFileSync(iid, 'utf8'), id);
      assert.equal(told['containerimage.config.digest'], id);
      const head = ['-sI', '-H', 'Accept: application/vnd.docker.distribution.manifest.v2+json'];
      const served = engine.host.ok('curl', ...head, 'http://127.0.0.1:5000/v2/some/pushed/manifests/1');
      assert.equal(told['containerimage.digest'], /^docker-content-digest: (\S+)/im.exec(served)?.[1]);
      ok('rmi', name);
      ok('buildx', 'prune', '-a', '-f');
      assert.equal(inImage(name, 'cat /told'), 'pushed');
      ok('rmi', name);
      ok('buildx', 'build', '-o', `type=image,name=${name},push=true`, context);
      ok('buildx', 'build', '-o', 'type=registry', '-t', '127.0.0.1:5000/some/other:2', context);
      assert.match(engine.host.ok('curl', '-sf', 'http://127.0.0.1:5000/v2/some/other/tags/list'), /"2"/);
      ok('buildx', 'build', '--load', '-t', 'loaded', context);
      assert.equal(inImage('loaded', 'cat /told'), 'pushed');
      ok('buildx', 'build', '-o', 'type=cacheonly', '-t', 'unseen', context);
      assert.notEqual(docker('image', 'inspect', 'unseen').code, 0);
    });

    test('what the engine does not offer is refused by buildx, as with Docker', { timeout: 120_000 }, () => {
      const context = contextOf({ Dockerfile: 'FROM busybox\n' });
      for (const [flags, words] of [
        [['-o', `type=docker,dest=${join(directory, 'docker.tar')}`], 'Docker exporter is not supported'],
        [['-o', `type=oci,dest=${join(directory, 'oci.tar')}`], 'OCI exporter is not supported'],
        [['--platform', 'linux/amd64,linux/arm64'], 'Multi-platform build is not supported'],
        [['--sbom=true'], 'Attestation is not supported'],
        [['--cache-to', `type=local,dest=${join(directory, 'cache')}`], 'Cache export is not supported'],
      ] as const) {
        const refused = build(context, ...flags);
        assert.notEqual(refused.code, 0, flags.join(' '));
        assert.ok(refused.err.includes(`${words} for the docker driver`), refused.err);
      }
    });

    test('contexts of a name take the place of stages and images', { timeout: 120_000 }, () => {
      const named = contextOf({ 'from-the-context': 'named' });
      ok('tag', 'busybox', 'other/name');
      const context = contextOf({
        Dockerfile: 'FROM nowhere.invalid/image\nCOPY --from=files from-the-context /copied\n',
      });
      built(
        context,
        '-t',
        'named',
        '--build-context',
        `files=${named}`,
        '--build-context',
        'nowhere.invalid/image=docker-image://other/name',
      );
      assert.equal(inImage('named', 'cat /copied'), 'named');
    });

    test('a client that goes away ends its build, and nothing of it stays', { timeout: 120_000 }, async () => {
      const before = new Set(ok('ps', '-aq', '--no-trunc').out.split('\n'));
      const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo begun; sleep 1000\n' });
      const child = spawn('env', [...environment(), 'docker', 'build', context], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let words = '';
      child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
      await until('the step runs', () => / begun$/m.test(words));
      child.kill('SIGKILL');
      await until('its container is gone', () =>
        ok('ps', '-aq', '--no-trunc')
          .out.split('\n')
          .every((id) => before.has(id)),
      );
      await until(
        'its directories are gone',
        () =>
          !existsSync(join(engine.dataRoot, 'build/work')) ||
          engine.host.run('ls', join(engine.dataRoot, 'build/work')).out === '',
      );
    });

    test('bake builds several targets, one from another', { timeout: 120_000 }, () => {
      const context = contextOf({
        'base.Dockerfile': 'FROM busybox\nRUN echo base > /base\n',
        Dockerfile: 'FROM parent\nRUN cp /base /taken\n',
        'docker-bake.json': JSON.stringify({
          group: { default: { targets: ['child', 'lone'] } },
          target: {
            parent: { dockerfile: 'base.Dockerfile' },
            child: { contexts: { parent: 'target:parent' }, tags: ['baked-child'] },
            lone: { dockerfile: 'base.Dockerfile', tags: ['baked-lone'] },
          },
        }),
      });
      const ran = engine.host.run(
        'env',
        '-C',
        context,
        ...environment(),
        'docker',
        'buildx',
        'bake',
        '-f',
        'docker-bake.json',
      );
      assert.equal(ran.code, 0, ran.err);
      assert.equal(inImage('baked-child', 'cat /taken'), 'base');
      assert.equal(inImage('baked-lone', 'cat /base'), 'base');
    });

    for (const bake of client === 'buildx' ? [true, false] : [false])
      test(
        `Compose 2 builds ${bake ? 'with' : 'without'} bake, also a service from another, and before it starts them`,
        { timeout: 300_000, skip: missingClient('compose') || missingClient('docker') },
        () => {
          symlinkOnce(TEST_CLIENTS.compose, join(directory, 'config/cli-plugins/docker-compose'));
          const parent = `composed-${bake}`;
          const stack = contextOf({
            'compose.yaml': JSON.stringify({
              services: {
                one: { build: { context: '.', args: { WHO: 'compose' }, labels: { of: 'one' } }, image: parent },
                two: {
                  build: {
                    dockerfile_inline: 'FROM parent\nRUN cp /who /copied\n',
                    additional_contexts: { parent: 'service:one' },
                  },
                  command: 'cat /copied /file',
                },
              },
            }),
            Dockerfile: 'FROM busybox\nARG WHO\nRUN echo $WHO > /who\nCOPY file /file\nCMD ["true"]\n',
            file: 'first\n',
          });
          const compose = (...words: string[]): Ran => {
            const program = [TEST_CLIENTS.docker, 'compose', '--project-directory', stack, '-p', `built-${bake}`];
            const ran = engine.host.run('env', ...environment(), `COMPOSE_BAKE=${bake}`, ...program, ...words);
            assert.equal(ran.code, 0, `${words.join(' ')}: ${ran.out}${ran.err}`);
            return ran;
          };
          compose('build');
          assert.equal(inImage(parent, 'cat /who /file'), 'compose\nfirst');
          assert.equal(ok('inspect', '-f', '{{.Config.Labels.of}}', parent).out, 'one\n');
          writeFileSync(join(stack, 'file'), 'second\n');
          // In the foreground it ends when all of them have.
          assert.match(compose('up', '--build', '--no-color').out, /^two-1 +\| second$/m);
          compose('down', '-t', '0', '--rmi', 'all');
          assert.equal(ok('images', '-q', parent).out, '');
        },
      );

    test(
      "the docker-container driver finds what it needs: a privileged container, its volume, and a program's door",
      { timeout: 120_000 },
      async (t) => {
        // In place of buildkitd: its client hands what comes on to a server of this process, through the state's volume.
        const dial = `
          socket(S, 1, 1, 0) && connect(S, pack("S a108", 1, "/var/lib/buildkit/door.sock")) or die "no door: $!";
          if (fork) { while (sysread(STDIN, my $b, 65536)) { syswrite S, $b } shutdown(S, 1); wait }
          else { while (sysread(S, my $b, 65536)) { syswrite STDOUT, $b } }`;
        const context = contextOf({
          Dockerfile:
            'FROM busybox\nCOPY --chmod=755 programs/ /\nVOLUME /var/lib/buildkit\nENTRYPOINT ["/bin/buildkitd"]\n',
          'programs/bin/buildkitd':
            '#!/bin/sh\ntest "$1" = --version && exec echo buildkitd stand-in v0.1.0 0\nexec sleep 1000\n',
          'programs/bin/buildctl': '#!/bin/sh\ntest "$1" != dial-stdio || exec perl /dial.pl\n',
          'programs/dial.pl': dial,
        });
        engine.host.ok(
          'sh',
          '-c',
          `cp --parents -L /usr/bin/perl $(ldd /usr/bin/perl | grep -o '/[^ ]*') ${context}/programs`,
        );
        built(context, '-t', 'stand-in');
        const state = ok('volume', 'create', 'buildx_buildkit_driven0_state').out.trim();
        const place = ok('volume', 'inspect', '-f', '{{.Mountpoint}}', state).out.trim();
        const platforms = [{ os: 'linux', architecture: 'riscv64', variant: '' }];
        const records = [{ id: 'of-the-stand-in', labels: new Map(), platforms, version: undefined }];
        const methods = new Map<string, GrpcMethod>([
          [
            '/moby.buildkit.v1.Control/ListWorkers',
            async (call) => {
              await call.only();
              await call.send(encode(listWorkersResponse, { records }));
            },
          ],
        ]);
        const door = createServer((socket) => {
          socket.on('error', () => socket.destroy());
          void serveGrpc(socket, { methods, explain: errorMessage, failed: () => {} });
        });
        door.listen(join(place, 'door.sock'));
        await once(door, 'listening');
        t.after(() => door.close());
        ok('buildx', 'create', '--name', 'driven', '--driver', 'docker-container', '--driver-opt', 'image=stand-in');
        // This process is the server: it must not wait for the client in one piece.
        const client = engine.host.spawn('env', [
          ...environment(),
          'docker',
          'buildx',
          'inspect',
          '--bootstrap',
          'driven',
        ]);
        let shown = '';
        for (const stream of [client.stdout!, client.stderr!])
          stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
        const [code] = (await once(client, 'close')) as [number];
        assert.equal(code, 0, shown);
        assert.match(shown, /^Status: +running$/m);
        assert.match(shown, /^Platforms: +linux\/riscv64/m);
        const format = '{{.HostConfig.Privileged}} {{range .Mounts}}{{.Name}}:{{.Destination}}{{end}}';
        const container = ok('inspect', '-f', format, 'buildx_buildkit_driven0').out;
        assert.equal(container, `true ${state}:/var/lib/buildkit\n`);
        ok('buildx', 'rm', 'driven');
        assert.notEqual(docker('inspect', 'buildx_buildkit_driven0').code, 0);
      },
    );

    test('the builder is listed, its cache is shown and pruned', { timeout: 120_000 }, () => {
      built(contextOf({ Dockerfile: 'FROM busybox\nRUN echo something to prune\n' }));
      assert.match(ok('buildx', 'ls').out, /default.*docker/);
      assert.match(ok('buildx', 'inspect').out, /Platforms:.*linux\/amd64|Status:.*running/);
      assert.match(ok('buildx', 'du').out, /Total:/);
      assert.match(ok('buildx', 'prune', '-a', '-f').out, /Total:/);
    });

    test(
      'a frontend in an image is this builder where it reads Dockerfiles, and else refused',
      { timeout: 120_000 },
      () => {
        const context = contextOf({ Dockerfile: '# syntax=docker/dockerfile:1\nFROM busybox\nRUN true\n' });
        built(context);
        built(context, '--build-arg', 'BUILDKIT_SYNTAX=docker/dockerfile:1');
      },
    );
  });

/**
 * `build` on a fake engine: what is sent and printed is what Docker's client sends and prints for its classic builder;
 * and what Docker's classic client has not.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { FakeEngine, type Asked } from './fake-engine.ts';
import { hasDocker, runCausewayClient, runCausewayInTerminal, runDockerClient, type Outcome } from './run-client.ts';
import { writeTree } from '../harness/write-tree.ts';

const ID = `sha256:${'ab'.repeat(32)}`;
const BUILT = [
  { stream: 'Step 1/2 : FROM busybox' },
  { stream: '\n' },
  { stream: ' ---> abababababab\n' },
  { stream: 'Step 2/2 : RUN x' },
  { stream: '\n' },
  { stream: ' ---> Running in 0123456789ab\n' },
  { stream: '\u001b[91mof the program\n\u001b[0m' },
  { aux: { ID } },
  { stream: 'Successfully built abababababab\n' },
];
const FAILED = [
  { stream: 'Step 1/1 : RUN false' },
  { stream: '\n' },
  { errorDetail: { code: 7, message: "The command 'false' returned a non-zero code: 7" }, error: 'The command' },
];

let engine: FakeEngine;
let directory: string;
let lines: readonly object[] = BUILT;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cli-build-'));
  const answer = (asked: Asked, response: ServerResponse): void => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const said = asked.query.has('q') && lines === BUILT ? [{ stream: `${ID}\n` }] : lines;
    response.end(said.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
  };
  const pushed = (_: Asked, response: ServerResponse): void => void response.end('{"status":"pushed"}\n');
  engine = await FakeEngine.start({
    'POST /build': answer,
    'POST /causeway/build': answer,
    'POST /images/r.example/a/push': pushed,
    'POST /images/r.example/b/push': pushed,
    'GET /images/get': (_, response) => void response.end('an archive'),
  });
});
beforeEach(() => {
  lines = BUILT;
});
after(async () => {
  await engine.stop();
  rmSync(directory, { recursive: true, force: true });
});

let contexts = 0;

function contextOf(files: Readonly<Record<string, string>>): string {
  return writeTree(join(directory, `context-${contexts++}`), { Dockerfile: 'FROM busybox\n', ...files });
}

/** The archive that was sent, as tar lists it: names, kinds, modes, owners, sizes and targets of links. */
function listing({ raw }: Asked): string[] {
  const { stdout, status, stderr } = spawnSync('tar', ['--list', '--verbose', '--numeric-owner', '--file=-'], {
    input: raw,
  });
  // Docker's client does not end an archive that it puts a Dockerfile into.
  if (!stderr.includes('Unexpected EOF')) assert.equal(status, 0, stderr.toString());
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) =>
      line.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /, ' ').replace(/\.dockerfile\.[0-9a-f]{20}/, '.dockerfile.RANDOM'),
    );
}

function sent(route = 'POST /build'): { query: string[]; listing: string[] } {
  const asked = engine.calls(route).at(-1)!;
  const query = [...asked.query].map(([name, value]) =>
    `${name}=${sorted(value)}`.replace(/\.dockerfile\.[0-9a-f]{20}/, '.dockerfile.RANDOM'),
  );
  return { query: query.sort(), listing: listing(asked) };
}

/** The fields of JSON are in no order. */
const sorted = (text: string): string => (/^[[{]/.test(text) ? [...text].sort().join('') : text);

const unbranded = ({ code, stdout, stderr }: Outcome): Outcome => ({
  code,
  stdout: stdout.replaceAll('Causeway', 'Docker'),
  stderr: stderr.replaceAll('Causeway', 'Docker').replaceAll('causeway', 'docker'),
});

const withoutAdvice = (outcome: Outcome): Outcome => ({
  ...outcome,
  stderr: outcome.stderr.replace(/^DEPRECATED: The legacy builder (?:.+\n)+\n/, ''),
});

async function both(args: readonly string[], input?: string | Buffer) {
  const options = { host: engine.host, ...(input === undefined ? {} : { input }) };
  const docker = withoutAdvice(
    await runDockerClient(['build', ...args], { ...options, env: { DOCKER_BUILDKIT: '0' } }),
  );
  const byDocker = docker.code === 0 ? sent() : undefined;
  const ours = unbranded(await runCausewayClient(['build', ...args], options));
  return { docker, byDocker, ours, byUs: ours.code === 0 ? sent() : undefined };
}

const files = { 'sub/a': 'a', 'sub/b': 'b', other: 'o', 'node_modules/m/x': 'x', 'node_modules/keep': 'k' };
const archive = () => spawnSync('tar', ['-C', contextOf(files), '-cf', '-', '.']).stdout;

describe('one context, two clients', { skip: hasDocker ? false : 'there is no docker client here' }, () => {
  const cases: readonly (readonly [what: string, args: () => string[], input?: () => string | Buffer])[] = [
    ['a directory', () => [contextOf(files)]],
    [
      'what .dockerignore leaves out',
      () => [contextOf({ ...files, '.dockerignore': 'node_modules\n*.md\nsub/b\nDockerfile\n.dockerignore\n' })],
    ],
    [
      'a Dockerfile elsewhere in the context',
      () => {
        const context = contextOf({ ...files, 'sub/Other': 'FROM busybox\n', '.dockerignore': 'sub/*\n' });
        return ['-f', join(context, 'sub/Other'), context];
      },
    ],
    [
      'dockerfile, in small letters',
      () => {
        const context = contextOf({ dockerfile: 'FROM busybox\n' });
        rmSync(join(context, 'Dockerfile'));
        return [context];
      },
    ],
    [
      'a link to the Dockerfile',
      () => {
        const context = contextOf({ 'sub/Real': 'FROM busybox\n' });
        rmSync(join(context, 'Dockerfile'));
        symlinkSync('sub/Real', join(context, 'Dockerfile'));
        return [context];
      },
    ],
    [
      'a link to the context',
      () => {
        const context = contextOf(files);
        symlinkSync(context, `${context}-link`);
        return [`${context}-link`];
      },
    ],
    ['a Dockerfile of another directory', () => ['-f', join(contextOf({}), 'Dockerfile'), contextOf(files)]],
    [
      'a Dockerfile on standard input',
      () => ['-f', '-', contextOf({ ...files, '.dockerignore': 'sub\n' })],
      () => 'FROM busybox\n',
    ],
    ['a Dockerfile and nothing else on standard input', () => ['-'], () => 'FROM busybox\n'],
    ['an archive on standard input', () => ['-f', 'sub/a', '-'], archive],
    [
      'a context with a link to nowhere',
      () => {
        const context = contextOf({});
        symlinkSync('nowhere', join(context, 'dangling'));
        return [context];
      },
    ],
    ['a quiet build', () => ['-q', contextOf({})]],
    [
      'every flag',
      () =>
        `-t a -t b:c --build-arg A=1 --build-arg NOT_SET_HERE --label l=x --label m --add-host h:1.2.3.4 --ulimit nofile=1:2
         --cache-from x,y --cgroup-parent /c --cpu-period 1000 --cpu-quota 500 -c 2 --cpuset-cpus 0 --cpuset-mems 0 -m 64m
         --memory-swap -1 --shm-size 1m --network host --no-cache --pull --rm=false --force-rm --security-opt s --target t
         --platform linux/AMD64 ${contextOf({})}`.split(/\s+/),
    ],
  ];
  for (const [what, args, input] of cases) {
    it(what, { timeout: 60_000 }, async () => {
      const { docker, byDocker, ours, byUs } = await both(args(), input?.());
      assert.equal(docker.code, 0, docker.stderr);
      assert.deepEqual(
        { query: byUs?.query, code: ours.code, stderr: ours.stderr },
        { query: byDocker?.query, code: docker.code, stderr: docker.stderr },
      );
      assert.deepEqual(byUs?.listing.map(withoutTemporary).sort(), byDocker?.listing.map(withoutTemporary).sort());
      // How long an archive is, is up to who writes it.
      const withoutSize = (text: string) => text.replace(/(Sending build context to Docker daemon) +[\d.]+k?B/, '$1');
      assert.equal(withoutSize(ours.stdout), withoutSize(docker.stdout));
    });
  }

  const refused: readonly (readonly [what: string, args: () => string[], input?: string])[] = [
    [
      'no Dockerfile',
      () => {
        const context = contextOf({});
        rmSync(join(context, 'Dockerfile'));
        return [context];
      },
    ],
    [
      'a Dockerfile that is a link to nowhere',
      () => {
        const context = contextOf({});
        rmSync(join(context, 'Dockerfile'));
        symlinkSync('sub/../nowhere', join(context, 'Dockerfile'));
        return [context];
      },
    ],
    [
      'a link that leads to itself',
      () => {
        const context = contextOf({});
        symlinkSync('loop', join(context, 'loop'));
        return ['-f', join(context, 'loop'), context];
      },
    ],
    ['a context that is a file', () => [join(contextOf({}), 'Dockerfile')]],
    ['a pattern that is none', () => [contextOf({ '.dockerignore': '!\n' })]],
    ['.dockerignore that is a directory', () => [contextOf({ '.dockerignore/x': '' })]],
    ['two Dockerfiles', () => ['-f', 'x', '-'], 'FROM busybox\n'],
    ['--squash', () => ['--squash', contextOf({})]],
    ['--squash, whatever else is wrong', () => ['--squash=false', '/nowhere']],
  ];
  for (const [what, args, input] of refused) {
    it(`is refused: ${what}`, { timeout: 60_000 }, async () => {
      const { docker, ours } = await both(args(), input);
      assert.notEqual(docker.code, 0);
      assert.deepEqual(ours, docker);
    });
  }

  it('a step that fails: its code, and what a quiet build had to say', { timeout: 60_000 }, async () => {
    lines = FAILED;
    for (const flags of [[], ['-q']]) {
      const { docker, ours } = await both([...flags, contextOf({})]);
      assert.equal(docker.code, 7);
      assert.deepEqual(ours, docker);
    }
  });

  it('the id in a file, and no file of an earlier build after a failure', { timeout: 60_000 }, async () => {
    const file = join(directory, 'iid');
    for (const flags of [[], ['-q']]) {
      const context = contextOf({});
      await runDockerClient(['build', ...flags, '--iidfile', file, context], {
        host: engine.host,
        env: { DOCKER_BUILDKIT: '0' },
      });
      const byDocker = readFileSync(file, 'utf8');
      await runCausewayClient(['build', ...flags, '--iidfile', file, context], { host: engine.host });
      assert.equal(readFileSync(file, 'utf8'), byDocker);
    }
    lines = FAILED;
    await runCausewayClient(['build', '--iidfile', file, contextOf({})], { host: engine.host });
    assert.equal(existsSync(file), false);
  });

  it(
    'a file that this user may not read',
    { timeout: 60_000, skip: process.getuid?.() === 0 ? false : 'only root can be another' },
    async () => {
      const context = contextOf({ secret: 'x', 'closed/x': 'x' });
      const socket = engine.host.slice('unix://'.length);
      chmodSync(directory, 0o755);
      chmodSync(dirname(socket), 0o755);
      chmodSync(socket, 0o777);
      chmodSync(join(context, 'secret'), 0o600);
      // The engine is in this process: nothing may be waited for without it.
      const asNobody = async (file: string, ...words: string[]): Promise<string> => {
        const client = spawn('setpriv', ['--reuid', '65534', '--clear-groups', file, ...words, 'build', context], {
          env: {
            ...process.env,
            DOCKER_HOST: engine.host,
            DOCKER_BUILDKIT: '0',
            HOME: '/nonexistent',
            CAUSEWAY_HOST: '',
          },
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let stderr = '';
        client.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        const [code] = (await once(client, 'close')) as [number];
        return withoutAdvice({ code, stdout: '', stderr }).stderr;
      };
      const ours = () => asNobody(process.execPath, join(import.meta.dirname, '../../dist/cli.cjs'));
      assert.equal(await ours(), await asNobody('docker'));
      assert.match(await ours(), /no permission to read from/);
      rmSync(join(context, 'secret'));
      chmodSync(join(context, 'closed'), 0o700);
      assert.equal(await ours(), await asNobody('docker'));
      assert.match(await ours(), /can't stat/);
    },
  );
});

/** Modes of what a client makes itself are its own. Docker puts such files in any order. */
const withoutTemporary = (line: string): string =>
  /^-\S+ .* (?:Dockerfile|\.dockerignore)$/.test(line) ? line.slice(10) : line;

describe('what the classic client of Docker has not', () => {
  const build = (args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}) =>
    runCausewayClient(['build', ...args], { host: engine.host, ...options });

  it('secrets go in front of the context, by a route that logs nothing of them', { timeout: 60_000 }, async () => {
    const file = join(directory, 'secret-file');
    writeFileSync(file, 'of a file\n');
    const { code } = await build(
      ['--secret', `id=f,src=${file}`, '--secret', 'id=v,env=VARIABLE', '--secret', 'id=NAMED', contextOf({})],
      { env: { VARIABLE: 'of a variable', NAMED: 'by its name' } },
    );
    assert.equal(code, 0);
    const { raw, query, headers } = engine.calls('POST /causeway/build').at(-1)!;
    const end = raw.indexOf('\n');
    const { Secrets } = JSON.parse(raw.toString('utf8', 0, end)) as { Secrets: Record<string, string> };
    assert.deepEqual(
      Object.fromEntries(Object.entries(Secrets).map(([id, value]) => [id, Buffer.from(value, 'base64').toString()])),
      { f: 'of a file\n', v: 'of a variable', NAMED: 'by its name' },
    );
    assert.doesNotMatch(`${query.toString()} ${JSON.stringify(headers)}`, /of.a|by.its/);
    const { status } = spawnSync('tar', ['-tf', '-'], { input: raw.subarray(end + 1) });
    assert.equal(status, 0);
  });

  for (const [secret, said] of [
    ['x', /invalid field 'x' must be a key=value pair/],
    ['src=/x', /secret missing ID/],
    ['id=a,type=b', /unsupported secret type "b"/],
    ['id=a,b=c', /unexpected key 'b' in 'b=c'/],
    ['id=a,src=/nope', /failed to stat \/nope: stat \/nope: no such file or directory/],
    ['id=a,src=/work-that-is-not', /failed to stat/],
  ] as const) {
    it(`a secret that is refused: ${secret}`, { timeout: 60_000 }, async () => {
      const { code, stderr } = await build(['--secret', secret, contextOf({})]);
      assert.notEqual(code, 0);
      assert.match(stderr, said);
    });
  }

  it('a daemon that takes no secrets is told from one that takes them', { timeout: 60_000 }, async () => {
    const other = await FakeEngine.start();
    try {
      const { code, stderr } = await runCausewayClient(['build', '--secret', 'id=HOME', contextOf({})], {
        host: other.host,
      });
      assert.equal(code, 1);
      assert.match(stderr, /^this daemon takes no secrets/);
    } finally {
      await other.stop();
    }
  });

  it('NAME.dockerignore is in place of .dockerignore', { timeout: 60_000 }, async () => {
    const context = contextOf({
      a: '',
      b: '',
      '.dockerignore': 'a\n',
      'Other.dockerignore': 'b\n',
      Other: 'FROM busybox\n',
    });
    await build(['-f', join(context, 'Other'), context]);
    const names = sent().listing.map((line) => line.split(' ').at(-1));
    assert.ok(names.includes('a'));
    assert.ok(!names.includes('b'));
  });

  it('an address is given to the daemon, and a Dockerfile for it with it', { timeout: 60_000 }, async () => {
    await build(['https://example.com/x.git#main']);
    const asked = engine.calls('POST /build').at(-1)!;
    assert.equal(asked.query.get('remote'), 'https://example.com/x.git#main');
    assert.equal(asked.raw.length, 0);
    await build(['-f', '-', 'https://example.com/x.git'], { input: 'FROM busybox\n' });
    const { raw, query } = engine.calls('POST /causeway/build').at(-1)!;
    assert.equal(query.get('remote'), 'https://example.com/x.git');
    assert.deepEqual(JSON.parse(raw.toString()), { Dockerfile: 'FROM busybox\n' });
  });

  it('a compressed context is the same archive', { timeout: 60_000 }, async () => {
    await build(['--compress', contextOf(files)]);
    const { raw } = engine.calls('POST /build').at(-1)!;
    assert.equal(raw.toString('hex', 0, 2), '1f8b');
    const { stdout } = spawnSync('tar', ['-tzf', '-'], { input: raw });
    assert.match(stdout.toString(), /^sub\/a$/m);
  });

  it('what is known of the image in a file', { timeout: 60_000 }, async () => {
    const file = join(directory, 'metadata');
    await build(['--metadata-file', file, '-t', 'a', '-t', 'b', contextOf({})]);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
      'containerimage.config.digest': ID,
      'containerimage.digest': ID,
      'image.name': 'docker.io/library/a:latest,docker.io/library/b:latest',
    });
  });

  it('another daemon gets an archive, however many files there are', { timeout: 60_000 }, async () => {
    const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`f${i}`, '']));
    assert.equal((await build([contextOf(many)])).code, 0);
    assert.equal(sent().listing.length, 601);
  });

  for (const [words, said] of [
    [['--ssh', 'default'], /^this daemon takes no --build-context, --ssh or files as --output/],
    [['--build-context', 'a=docker-image://b'], /^this daemon takes no --build-context/],
    [['-o', '-'], /^this daemon takes no .* files as --output/],
    [['--cache-to', 'type=inline'], /^cache exports \(--cache-to\) are not supported/],
    [['-o', 'a', '-o', 'b'], /^multiple outputs are not supported/],
    [['-o', 'dest=x'], /^type is required for output/],
    [['-o', 'type=local'], /^dest is required for local output/],
    [['-o', 'type=local,dest=-'], /^dest cannot be stdout for local output/],
    [['-o', 'type=oci'], /^output type "oci" is not there: it may be image, docker, local, tar, registry/],
    [['-o', 'type=tar,compression=zstd'], /^output tar has no attribute "compression" here/],
    [['-o', 'type=tar,dest=/nowhere/x'], /invalid output path: stat \/nowhere: no such file or directory/],
    [['--push'], /^tag is needed when pushing to registry/],
    [['--push', '-o', 'type=local,dest=x'], /^push and output other than an image cannot be used together/],
    [['--build-context', 'a'], /^invalid context value: a, expected key=value/],
    [['--build-context', 'A=/tmp'], /^invalid context name A: /],
    [['--build-context', 'a=/nowhere'], /^failed to get build context a: lstat \/nowhere: no such file or directory/],
    [['--build-context', 'a=oci-layout://x'], /^OCI layouts are no contexts here/],
    [['--ssh', 'a=/etc/passwd'], /^\/etc\/passwd is no socket of an ssh agent/],
    [['--ssh', 'a=/nowhere'], /^failed to stat \/nowhere: stat \/nowhere: no such file or directory/],
  ] as const)
    it(`refused: ${words.join(' ')}`, { timeout: 60_000 }, async () => {
      const asked = engine.calls('POST /build').length;
      const env = { SSH_AUTH_SOCK: engine.host.replace('unix://', '') };
      const { code, stderr } = await build([...words, contextOf({})], { env });
      assert.equal(code, 1);
      assert.match(stderr, said);
      assert.equal(engine.calls('POST /build').length, asked);
    });

  it('--progress=quiet is -q: the id, and nothing else', { timeout: 60_000 }, async () => {
    const file = join(directory, 'quiet-id');
    const { stdout, stderr } = await build(['--progress=quiet', '--iidfile', file, contextOf({})]);
    assert.deepEqual([stdout, stderr], [`${ID}\n`, '']);
    assert.equal(readFileSync(file, 'utf8').trim(), ID);
  });

  it('--push: each name goes to its registry, when it is built', { timeout: 60_000 }, async () => {
    for (const words of [
      ['--push', '-t', 'r.example/a'],
      ['-o', 'type=registry,name=r.example/b:2'],
    ]) {
      assert.equal((await build([...words, contextOf({})])).code, 0);
    }
    assert.equal(engine.calls('POST /images/r.example/a/push').at(-1)?.query.get('tag'), 'latest');
    assert.equal(engine.calls('POST /images/r.example/b/push').at(-1)?.query.get('tag'), '2');
    assert.equal(engine.calls('POST /build').at(-1)?.query.get('t'), 'r.example/b:2');
  });

  it('-o type=docker: the image is saved when it is built', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await build(['-o', 'type=docker,dest=-', contextOf({})]);
    assert.deepEqual([code, stdout], [0, 'an archive']);
    assert.match(stderr, /Successfully built/);
    assert.equal(engine.calls('GET /images/get').at(-1)?.query.get('names'), ID);
  });

  it('credentials of all registries go with it', { timeout: 60_000 }, async () => {
    const home = join(directory, 'home');
    mkdirSync(join(home, '.docker'), { recursive: true });
    const auth = Buffer.from('user:pass').toString('base64');
    writeFileSync(
      join(home, '.docker/config.json'),
      JSON.stringify({ auths: { 'r.example:5000': { auth }, 'https://index.docker.io/v1/': { auth } } }),
    );
    await build([contextOf({})], { env: { HOME: home } });
    const { headers } = engine.calls('POST /build').at(-1)!;
    const sentAuths = JSON.parse(Buffer.from(String(headers['x-registry-config']), 'base64url').toString()) as Record<
      string,
      { username: string }
    >;
    assert.deepEqual(
      Object.entries(sentAuths)
        .map(([name, { username }]) => [name, username])
        .sort(),
      [
        ['https://index.docker.io/v1/', 'user'],
        ['r.example:5000', 'user'],
      ],
    );
  });

  it(
    'on a terminal each step is a line with its time; --progress=plain prints what the builder says',
    { timeout: 60_000 },
    async () => {
      const context = contextOf({});
      cpSync(join(context, 'Dockerfile'), join(context, 'copy'));
      const inTerminal = async (...flags: string[]) =>
        (
          await runCausewayInTerminal(['build', ...flags, context], {
            host: engine.host,
            rows: 24,
            columns: 60,
            when: [],
          })
        ).output;
      const steps = await inTerminal();
      assert.match(steps, /Step 1\/2 : FROM busybox +\d+\.\ds\r\n/);
      assert.match(steps, /Step 2\/2 : RUN x +\d+\.\ds\r\n/);
      assert.doesNotMatch(steps, /Running in/);
      const plain = await inTerminal('--progress=plain');
      assert.match(plain, /---> Running in 0123456789ab\r\n/);
      assert.ok(plain.includes('\u001b[91mof the program'), 'what a program writes is its own');
    },
  );
});

/**
 * What cannot be: both clients must refuse the same words in the same sentence with the same exit code. Nothing listens
 * at the address that they are given.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasDocker, runCausewayClient, runDockerClient, type Outcome } from './run-client.ts';

/** Words are separated by a space; "~" is a space inside of a word. */
const lines = [
  'run',
  'run --zz x',
  'run -Z x',
  'run -itZ x',
  'build',
  'build a b',
  'build /nope',
  'build /dev/null',
  'build -f /nope /tmp',
  'build -f - -',
  'build -t Bad .',
  'build -t a:b:c .',
  'build --add-host x .',
  'build --ulimit x .',
  'build -m x .',
  'build --shm-size -1 .',
  'build --label  .',
  'build --label a~b=c .',
  'build --build-arg  .',
  'build --build-arg =x .',
  'build -c x .',
  'build --rm=x .',
  'build --iidfile /proc/x/y .',
  'image build',
  'builder build',
  'builder foo',
  'builder prune x',
  'builder prune --filter x',
  'builder prune --keep-storage x',
  'run -p',
  'run --name',
  'run --rm=maybe x',
  'run --rm=false',
  '-z',
  'foo',
  'container foo',
  'container',
  'container --zz',
  'container -h',
  'network foo',
  '--zz ps',
  'ps a',
  'rm',
  'rename a',
  'network create',
  'cp a',
  'run -p 80:x img',
  'run -p x:80 img',
  'run -p 1:2:3:4 img',
  'run -p 80-81:90-99 img',
  'run -p 80/foo img',
  'run -p 70000 img',
  'run -p 1.2.3:80:80 img',
  'run -p [::1:80:80 img',
  'run -p : img',
  'run -p published=80 img',
  'run -p a=b=,c img',
  'run -m 5x img',
  'run -m  img',
  'run -m 5tbb img',
  'run -m -5 img',
  'run --cpus x img',
  'run --cpus 1.0000000001 img',
  'run -e  img',
  'run --env-file /nope img',
  'run --env-file /tmp img',
  'run --health-interval 5 img',
  'run --health-interval 5q img',
  'run --health-interval q img',
  'run --health-interval 1ms --no-healthcheck img',
  'run --add-host x img',
  'run --add-host a:b img',
  'run --add-host a:[::1 img',
  'run --ulimit x img',
  'run --ulimit foo=1 img',
  'run --ulimit nofile=1:2:3 img',
  'run --ulimit nofile=2:1 img',
  'run --ulimit nofile=a img',
  'run --dns foo img',
  'run --dns-search ... img',
  'help foo',
  'help run x',
  'help container foo',
  'run --stop-timeout a b',
  'run --stop-timeout 99999999999999999999 b',
  'run --mount type=foo img',
  'run --mount type=bind,src=/x img',
  'run --mount type=bind,dst img',
  'run --mount foo=bar,dst=/x img',
  'run --mount type=bind,dst=/x,ro=maybe img',
  'run --mount type=tmpfs,dst=/x,volume-nocopy img',
  'run --mount type=tmpfs,dst=/x,tmpfs-size=q img',
  'run --mount type=tmpfs,dst=/x,tmpfs-mode=9 img',
  'run --mount type=bind,dst=/x,bind-recursive=foo img',
  'run --mount type=bind,dst=/x,bind-recursive=writable img',
  'run --mount  img',
  'run --mount a"b img',
  'run --label-file /nope img',
  'run --label = img',
  'run -l a~b=c img',
  'run --=x img',
  'run ---x img',
  'run -a foo img',
  'run --link a:b:c img',
  'run --link  img',
  'run --expose x img',
  'run --expose 1:2 img',
  'run --expose 5-3 img',
  'run --mac-address foo img',
  'run --memory-swappiness 101 img',
  'run --sysctl foo=1 img',
  'run --pid foo img',
  'run --uts foo img',
  'run --userns foo img',
  'run --cgroupns foo img',
  'run --security-opt foo img',
  'run --security-opt seccomp=/nope img',
  'run --storage-opt foo img',
  'run --log-driver none --log-opt a=b img',
  'run --restart always --rm img',
  'run --restart :1 img',
  'run --restart on-failure:x img',
  'run --network name=a,foo=b img',
  'run --network alias=b img',
  'run --network host --network-alias x img',
  'run --network a --network host img',
  'run --network a --network a img',
  'run --network name=a,alias=b --network-alias c img',
  'run --network name=a,ip=10.0.0.1 --ip 10.0.0.2 img',
  'run --device-read-bps foo img',
  'run --device-read-bps /x:1 img',
  'run --device-read-bps /dev/x:q img',
  'run --device-read-iops /dev/x:q img',
  'run --blkio-weight-device /dev/x:5 img',
  'run --blkio-weight 99999 img',
  'run --device-cgroup-rule foo img',
  'run --pull foo img',
  'run -d -a stdout img',
  'version foo',
  '-H',
  'ps -H x',
  'ps --format',
  'ps --filter x',
  'network create --aux-address x n',
  'network create --gateway x n',
  'network create --subnet 10.0.0.0/8 --subnet 10.1.0.0/16 n',
  'network create --subnet 10.0.0.0/8 --gateway 11.0.0.1 n',
  'network create --subnet 10.0.0.0/8 --gateway 10.0.0.1 --gateway 10.0.0.2 n',
  'network create --subnet 10.0.0.0/8 --ip-range 11.0.0.0/16 n',
  'network create --label = n',
  'network connect a',
  'network rm',
  'volume rm',
  'volume create --name a b',
  'logs',
  'exec c',
  'exec -z c d',
  'attach a b',
  'wait',
  'top',
  'port',
  'port a b c',
  'cp a b',
  'cp a:b c:d',
  'cp  b',
  'inspect',
  'inspect --type= x',
  'inspect -f {{ x',
  'update x',
  'start',
  'start -a x y',
  'stop -t x c',
  'kill',
  'commit',
  'commit a b c',
  'export',
  'import',
  'load foo',
  'save',
  'pull',
  'pull Foo',
  'pull foo:bar:baz',
  'pull -a foo:bar',
  'push',
  'tag a',
  'tag a B',
  'rmi',
  'history',
  'events --format {{.Foo}}',
  'events --format {{',
  'login --password-stdin',
  'system df x',
  'system prune x',
  'create',
  'create --zz',
  'create --pull foo img',
  'stats --zz',
  'info x',
  'diff',
  '-l foo ps',
  '-H unix:///nope.sock ps',
  '-H foo://x ps',
  'run Foo',
  'run a:b:c',
  'run --cidfile /tmp img',
  'run --platform a/b/c/d img',
  'run -ti=false -zx img',
];

/**
 * Every command whose --help is Docker's, byte for byte. The others lack flags of things that are not built, or have
 * more (`port`).
 */
const helpOf = [
  'stop',
  'restart',
  'kill',
  'rm',
  'rename',
  'ps',
  'inspect',
  'logs',
  'exec',
  'attach',
  'top',
  'wait',
  'cp',
  'diff',
  'export',
  'commit',
  'pause',
  'unpause',
  'update',
  'stats',
  'import',
  'load',
  'save',
  'pull',
  'push',
  'tag',
  'rmi',
  'history',
  'events',
  'info',
  'login',
  'logout',
  'build',
  'image build',
  'builder build',
  'builder',
  'builder prune',
  'image',
  'container',
  'network',
  'system',
  'container ls',
  'container rm',
  'container inspect',
  'container prune',
  'image rm',
  'image inspect',
  'image prune',
  'network create',
  'network ls',
  'network inspect',
  'network rm',
  'network connect',
  'network disconnect',
  'network prune',
  'volume inspect',
  'volume rm',
  'volume prune',
  'system df',
  'system events',
  'system info',
  'system prune',
];

describe('grammar', { skip: hasDocker ? false : 'there is no docker client here', concurrency: 2 }, () => {
  const same =
    (words: readonly string[], seen: (help: string) => string = asItIs) =>
    async () => {
      const host = 'unix:///nonexistent/engine.sock';
      const [docker, ours] = await Promise.all([
        runDockerClient(words, { host, env: { DOCKER_BUILDKIT: '0' } }),
        runCausewayClient(words, { host }),
      ]);
      const { code, stdout, stderr } = docker;
      const shown = unbranded(ours);
      assert.deepEqual(
        { ...shown, stdout: seen(shown.stdout) },
        { code, stdout: seen(withoutWindows(stdout)), stderr: withoutAdvice(stderr) },
      );
    };
  for (const line of lines)
    it(line, { timeout: 60_000 }, same(line === '' ? [] : line.split(' ').map((word) => word.replaceAll('~', ' '))));
  for (const line of helpOf)
    it(
      `${line} --help`,
      { timeout: 60_000 },
      same([...line.split(' '), '--help'], /\bbuild$/.test(line) ? ofClassicBuilder : asItIs),
    );
});

/** Docker's client hides these flags from a daemon on Linux; here nothing answers it. */
const withoutWindows = (help: string) =>
  help.replace(/^ {6}--(?:cpu-count|cpu-percent|io-maxbandwidth|io-maxiops) .*\n(?: {40,}.*\n)*/gm, '');

/** Docker's client wants its classic builder not to be used. */
const withoutAdvice = (said: string) => said.replace(/^DEPRECATED: The legacy builder (?:.+\n)+\n/, '');

function asItIs(help: string): string {
  return help;
}

/**
 * Without the flags that the classic builder has not, and each of the others in one line: a flag that is ours alone makes
 * columns wider.
 */
function ofClassicBuilder(help: string): string {
  return help
    .replace(/\n {20,}/g, ' ')
    .replace(/ {2,}/g, '  ')
    .replace(/^ +(?:-o, )?--(?:build-context|cache-to|load|metadata-file|output|progress|push|secret|ssh) .*\n/gm, '');
}

function unbranded({ code, stdout, stderr }: Outcome): Outcome {
  // `network dns` is ours alone.
  const rename = (text: string) =>
    text
      .replaceAll('causeway', 'docker')
      .replaceAll('Causeway', 'Docker')
      .replace(/^ {2}dns .*\n/m, '');
  return { code, stdout: rename(stdout), stderr: rename(stderr) };
}

describe('what Docker has and this has not, and mistyped words', () => {
  for (const [line, said] of [
    ['pss', /^causeway: unknown command: causeway pss\n\nDid you mean 'causeway ps'\?\n/],
    ['netwrok ls', /Did you mean 'causeway network'\?/],
    ['network crate n', /unknown command: causeway network crate\n\nDid you mean 'causeway network create'\?/],
    ['run --naem x img', /^unknown flag: --naem\n\nDid you mean --name\?\n\nUsage: {2}causeway run/],
    ['run --memroy 1g img', /Did you mean --memory\?/],
    ['xyzzy', /^causeway: unknown command: causeway xyzzy\n\nRun/],
    ['search nginx', /^causeway: 'search' is not built in: .+\n$/],
    ['swarm init', /^causeway: 'swarm' is not built in: .+\n$/],
    ['plugin ls', /^causeway: 'plugin' is not built in: .+\n$/],
    ['compose up', /^causeway: 'compose' is a plugin of the docker client: .+\n$/],
    ['context use x', /^causeway: choose a context with --context/],
    ['context inspect x', /^causeway: causeway context ls shows what is read of a context/],
    [
      'context create --foo x',
      /^causeway: Docker's contexts are read here, but for this daemon's \(causeway context install\): docker context create\n$/,
    ],
    ['context use --help', /^causeway: choose a context with --context NAME/],
    ['buildx build .', /^causeway: 'buildx' is a plugin of the docker client: 'causeway build' builds/],
    ['context export x', /^causeway: Docker's contexts are read here, not written: docker context export/],
    ['context import x y', /^causeway: Docker's contexts are read here, not written: docker context import/],
  ] as const) {
    it(line, async () => {
      const { code, stderr } = await runCausewayClient(line.split(' '), { host: 'unix:///nonexistent' });
      assert.match(stderr, said);
      assert.notEqual(code, 0);
    });
  }
});

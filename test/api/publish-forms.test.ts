/** `-p` in all its forms, by Docker's own client: what is held on the host, and what `port` says. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { check } from '../harness/host.ts';
import { sleep, TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;

before(async () => {
  engine = await TestEngine.start();
  check(
    engine.shell(`root=$(mktemp -d) && mkdir "$root/bin" && cp "$(command -v busybox)" "$root/bin/" && ln -s busybox "$root/bin/sleep" && \\
    tar -C "$root" -c . | docker import -c 'EXPOSE 80' -c 'CMD ["sleep","1000"]' - web && rm -r "$root"`),
  );
  engine.host.ok('ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo');
});
after(() => engine.destroy());

/** Runs a container with these arguments, which is gone afterwards. */
function during<T>(args: readonly string[], look: (name: string) => T): T {
  const name = engine.ok('run', '-d', ...args, 'web');
  try {
    return look(name);
  } finally {
    engine.ok('rm', '-f', name);
  }
}

const portsOf = (name: string): string[] => engine.ok('port', name).split('\n').filter(Boolean);

/** The sockets that others see on the host: 'tcp 0.0.0.0:8080'. */
function held(): string[] {
  return engine.host
    .ok('ss', '-Hlntu')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/))
    .map(([protocol, , , , address]) => `${protocol} ${address}`)
    .toSorted();
}

const both = (port: string, hostPort: number): string[] => [
  `${port} -> 0.0.0.0:${hostPort}`,
  `${port} -> [::]:${hostPort}`,
];

test('each form publishes and holds exactly the ports it names', () => {
  const forms: readonly (readonly [spec: string, ports: string[], sockets: string[]])[] = [
    ['8080:80', both('80/tcp', 8080), ['tcp 0.0.0.0:8080', 'tcp [::]:8080']],
    ['8081:80', both('80/tcp', 8081), ['tcp 0.0.0.0:8081', 'tcp [::]:8081']],
    ['8080:80/udp', both('80/udp', 8080), ['udp 0.0.0.0:8080', 'udp [::]:8080']],
    ['127.0.0.1:8082:80', ['80/tcp -> 127.0.0.1:8082'], ['tcp 127.0.0.1:8082']],
    ['192.0.2.1:8082:80', ['80/tcp -> 192.0.2.1:8082'], ['tcp 192.0.2.1:8082']],
    ['[::1]:8083:80', ['80/tcp -> [::1]:8083'], ['tcp [::1]:8083']],
    [
      '127.0.0.1:8100-8102:90-92',
      ['90/tcp -> 127.0.0.1:8100', '91/tcp -> 127.0.0.1:8101', '92/tcp -> 127.0.0.1:8102'],
      ['tcp 127.0.0.1:8100', 'tcp 127.0.0.1:8101', 'tcp 127.0.0.1:8102'],
    ],
    ['published=8084,target=81,protocol=udp', both('81/udp', 8084), ['udp 0.0.0.0:8084', 'udp [::]:8084']],
  ];
  const before = new Set(held());
  during(
    forms.flatMap(([spec]) => ['-p', spec]),
    (name) => {
      assert.deepEqual(portsOf(name).toSorted(), forms.flatMap(([, ports]) => ports).toSorted());
      assert.deepEqual(
        held().filter((socket) => !before.has(socket)),
        forms.flatMap(([, , sockets]) => sockets).toSorted(),
      );
    },
  );
  assert.deepEqual(held(), [...before].toSorted(), 'afterwards');
});

test('no host port: one of the range that the kernel chooses from, without the reserved ones, the same over IPv4 and IPv6', () => {
  engine.host.sysctl('net.ipv4.ip_local_port_range', '40000 40009');
  engine.host.sysctl('net.ipv4.ip_local_reserved_ports', '40000-40006,40008');
  try {
    const taken = new Set<string>();
    const first = portsOf(engine.ok('run', '-d', '--name', 'first', '-p', '80', 'web') && 'first');
    const second = portsOf(engine.ok('run', '-d', '--name', 'second', '-p', '127.0.0.1::80', 'web') && 'second');
    for (const line of [...first, ...second]) taken.add(/:(\d+)$/.exec(line)![1]!);
    assert.equal(new Set(first.map((line) => /:(\d+)$/.exec(line)![1])).size, 1, first.join(', '));
    assert.deepEqual([first.length, second.length], [2, 1]);
    assert.deepEqual([...taken].toSorted(), ['40007', '40009']);
    const third = engine.docker('run', '--rm', '-p', '80', 'web', 'true');
    assert.equal(third.code, 125);
    assert.match(third.err, /all ports are allocated/);
  } finally {
    engine.docker('rm', '-f', 'first', 'second');
    engine.host.sysctl('net.ipv4.ip_local_reserved_ports', '');
    engine.host.sysctl('net.ipv4.ip_local_port_range', '32768 60999');
  }
});

test('a range to one port: each takes one, past what others have, until none is left', () => {
  const foreign = engine.host.spawn(
    'node',
    ['-e', "require('net').createServer().listen(8201, '0.0.0.0', () => console.log('listening'))"],
    { stdio: 'ignore' },
  );
  try {
    for (const end = Date.now() + 60_000; !engine.host.ok('ss', '-Hlnt').includes(':8201');)
      assert.ok(Date.now() < end, 'the foreign program listens');
    const chosen = ['one', 'two'].map(
      (name) => portsOf(engine.ok('run', '-d', '--name', name, '-p', '8200-8202:80', 'web') && name)[0],
    );
    assert.deepEqual(chosen, ['80/tcp -> 0.0.0.0:8200', '80/tcp -> 0.0.0.0:8202']);
    const three = engine.docker('run', '--rm', '-p', '8200-8202:80', 'web', 'true');
    assert.equal(three.code, 125);
    assert.match(three.err, /all ports are allocated/);
  } finally {
    engine.docker('rm', '-f', 'one', 'two');
    foreign.kill('SIGKILL');
  }
});

test('-P publishes what is exposed, by the image and by --expose, each on its own port', () => {
  const lines = during(['-P', '--expose', '90-91', '--expose', '53/udp'], portsOf);
  assert.deepEqual([...new Set(lines.map((line) => line.split(' ')[0]))].toSorted(), [
    '53/udp',
    '80/tcp',
    '90/tcp',
    '91/tcp',
  ]);
  assert.equal(lines.length, 8); // IPv4 and IPv6
  const numbers = new Set(lines.filter((line) => line.includes('/tcp')).map((line) => /:(\d+)$/.exec(line)![1]));
  assert.equal(numbers.size, 3);
});

test('SCTP ports are published although only the kernel speaks SCTP', () => {
  during(['-p', '8080:80/sctp'], (name) => {
    assert.deepEqual(portsOf(name), both('80/sctp', 8080));
    assert.match(engine.host.ok('nft', 'list', 'map', 'inet', 'causeway', 'publish-any4'), /sctp \. 8080 : /);
    assert.match(
      engine.docker('run', '--rm', '-p', '8080:80/sctp', 'web', 'true').err,
      /Bind for 0\.0\.0\.0:8080 failed: port is already allocated: held by container /,
    );
  });
});

test('what cannot be meant is refused', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      '192.0.2.77:8080:80',
      /failed to bind host port for 192\.0\.2\.77:8080:172\.17\.0\.\d+:80\/tcp: cannot assign requested address/,
    ],
    ['8080:80/icmp', /invalid proto: icmp|invalid containerPort/i],
    ['8080-8079:80', /invalid|Invalid/],
  ];
  for (const [spec, sentence] of cases) {
    const ran = engine.docker('run', '--rm', '-p', spec, 'web', 'true');
    assert.notEqual(ran.code, 0, spec);
    assert.match(ran.err, sentence);
  }
});

test('a daemon that is killed while it publishes leaves no port taken', async () => {
  const ours = (): string[] => held().filter((socket) => /:90[0-3]\d$/.test(socket));
  let cut = 0;
  for (const delayMs of [4, 15, 30, 50]) {
    engine.ok('create', '--name', 'crash', '-p', '9000-9039:9000-9039', 'web');
    const answered = new Promise<boolean>((resolve) => {
      const start = request(
        { socketPath: engine.socket, path: '/containers/crash/start', method: 'POST' },
        (response) => resolve(response.statusCode === 204),
      );
      start.on('error', () => resolve(false));
      start.end();
    });
    await sleep(delayMs);
    await engine.stop('SIGKILL');
    if (!(await answered)) cut++;
    await engine.boot();
    const isRunning = engine.ok('inspect', '-f', '{{.State.Running}}', 'crash') === 'true';
    assert.equal(ours().length, isRunning ? 80 : 0, `killed after ${delayMs} ms`);
    const maps = engine.host.ok('nft', 'list', 'map', 'inet', 'causeway', 'publish-any4');
    assert.equal(maps.match(/tcp \. 90[0-3]\d : /g)?.length ?? 0, isRunning ? 40 : 0, `killed after ${delayMs} ms`);
    engine.ok('rm', '-f', 'crash');
    assert.deepEqual(ours(), [], `removed, killed after ${delayMs} ms`);
  }
  assert.ok(cut > 0, 'some of them were in the middle');
  during(['-p', '9000-9039:9000-9039'], (name) => assert.equal(portsOf(name).length, 80));
});

test("--ip says which address is meant by none, a network's host_binding_ipv4 before it", async () => {
  await engine.stop();
  await engine.boot(['--ip', '127.0.0.1']);
  during(['-p', '8080:80', '-p', '0.0.0.0:8081:81'], (name) =>
    assert.deepEqual(portsOf(name).toSorted(), ['80/tcp -> 127.0.0.1:8080', '81/tcp -> 0.0.0.0:8081']),
  );
  engine.ok('network', 'create', '-o', 'com.docker.network.bridge.host_binding_ipv4=127.0.0.2', 'bound');
  during(['--network', 'bound', '-p', '8080:80'], (name) =>
    assert.deepEqual(portsOf(name), ['80/tcp -> 127.0.0.2:8080']),
  );
});

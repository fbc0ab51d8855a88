/**
 * What a user can get wrong: each mistake gets Docker's sentence (or one that names the thing, the reason and the way
 * out) and leaves nothing behind in the kernel, on the disk or among the processes.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, traces, tracesAtRest, type Traces } from './traces.ts';

const parent = ownCgroupParent();
let engine: TestEngine;
let daemonPid: number;
let untouched: Traces;

before(async () => {
  engine = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
  engine.importFixtures();
  engine.ok('network', 'create', '--subnet', '10.99.0.0/24', 'user-net');
  engine.ok('run', '-d', '--name', 'taken', '-p', '8080:80', '--network', 'user-net', 'nginx');
  // What is made once, for all containers of an image, for all execs of a container, for all volumes.
  engine.ok('exec', 'taken', 'true');
  engine.ok('run', '--rm', '-v', '/x', 'busybox', 'true');
  daemonPid = engine.pid;
  untouched = await tracesAtRest(engine, parent);
});

after(async () => {
  await engine.destroy();
  removeCgroupParent(parent);
});

/** The command fails with that exit code and sentence, and everything is as before. */
async function refused(args: readonly string[], code: number, sentence: RegExp): Promise<void> {
  const ran = engine.docker(...args);
  assert.match(ran.err + ran.out, sentence);
  assert.equal(ran.code, code, ran.err);
  await asBefore(`docker ${args.join(' ')}`);
}

/** What one mistake leaves is told once: the next is compared with what is there then. */
async function asBefore(what: string): Promise<void> {
  try {
    await assertUntouched(engine, parent, untouched, what);
  } catch (error) {
    untouched = traces(engine, parent);
    throw error;
  }
}

const run = (...args: string[]): string[] => ['run', '--rm', ...args];

describe('run', () => {
  const cases: readonly (readonly [what: string, args: readonly string[], code: number, sentence: RegExp])[] = [
    [
      'an image that nobody has',
      run('127.0.0.1:1/nosuch:image', 'true'),
      125,
      /Unable to find image[^]*Error response from daemon: .*connection refused/,
    ],
    [
      'a reference that is none',
      run('busybox/UPPER', 'true'),
      125,
      /invalid reference format: repository name \((library\/)?busybox\/UPPER\) must be lowercase/,
    ],
    [
      'a name with a slash',
      run('--name', 'a/b', 'busybox'),
      125,
      /Invalid container name \(a\/b\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed/,
    ],
    [
      'a name that is taken',
      run('--name', 'taken', 'busybox'),
      125,
      /Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"\. You have to remove \(or rename\) that container to be able to reuse that name\./,
    ],
    [
      'a command that is not there',
      run('busybox', 'nosuch'),
      127,
      /exec: "nosuch": executable file not found in \$PATH/,
    ],
    [
      'a path that is not there',
      run('busybox', '/no/such'),
      127,
      /exec: "\/no\/such": (stat \/no\/such: )?no such file or directory/,
    ],
    ['a file that is not executable', run('busybox', '/etc/passwd'), 126, /exec: "\/etc\/passwd": permission denied/],
    ['a directory as command', run('busybox', '/etc'), 126, /exec: "\/etc": is a directory/],
    [
      'a user that is not in the image',
      run('-u', 'nobody-here', 'busybox', 'true'),
      125,
      /unable to find user nobody-here: no matching entries in passwd file/,
    ],
    [
      'a group that is not in the image',
      run('-u', '1:nobody-here', 'busybox', 'true'),
      125,
      /unable to find group nobody-here: no matching entries in group file/,
    ],
    [
      'a mount source that is not there',
      run('--mount', 'type=bind,source=/no/such,target=/x', 'busybox', 'true'),
      125,
      /bind source path does not exist: \/no\/such/,
    ],
    [
      'a mount source that cannot be made',
      run('-v', '/proc/no/such:/x', 'busybox', 'true'),
      127,
      /error while creating mount source path '\/proc\/no\/such': mkdir \/proc\/no: no such file or directory/,
    ],
    [
      'a file mounted on a directory',
      run('-v', '/etc/passwd:/bin', 'busybox', 'true'),
      125,
      /not a directory.*Are you trying to mount a directory onto a file/i,
    ],
    [
      'a volume name that is none',
      run('-v', 'a/b:/x', 'busybox', 'true'),
      125,
      /includes invalid characters for a local volume name/,
    ],
    [
      'a working directory that is a file',
      run('-w', '/etc/passwd', 'busybox', 'true'),
      125,
      /\/etc\/passwd.*not a directory/i,
    ],
    ['a network that is not there', run('--network', 'no-such', 'busybox', 'true'), 125, /network no-such not found/],
    [
      'the network of a container that is not there',
      run('--network', 'container:no-such', 'busybox', 'true'),
      125,
      /No such container: no-such/,
    ],
    [
      'the pids of a container that is not there',
      run('--pid', 'container:no-such', 'busybox', 'true'),
      125,
      /No such container: no-such/,
    ],
    [
      'volumes of a container that is not there',
      run('--volumes-from', 'no-such', 'busybox', 'true'),
      125,
      /No such container: no-such/,
    ],
    [
      'a link to a container that is not there',
      run('--link', 'no-such:x', 'busybox', 'true'),
      125,
      /could not get container for no-such: No such container: no-such/,
    ],
    [
      'an address on the default bridge',
      run('--ip', '172.17.0.9', 'busybox', 'true'),
      125,
      /user specified IP address is supported on user defined networks only/,
    ],
    [
      'an address of another subnet',
      run('--network', 'user-net', '--ip', '10.98.0.2', 'busybox', 'true'),
      125,
      /no configured subnet or ip-range contain the IP address 10\.98\.0\.2|no configured subnet contains IP address 10\.98\.0\.2/,
    ],
    [
      'an address that is taken',
      run('--network', 'user-net', '--ip', '10.99.0.2', 'busybox', 'true'),
      125,
      /Address already in use/,
    ],
    [
      'a port that another container has',
      run('-p', '8080:80', 'busybox', 'true'),
      125,
      /driver failed programming external connectivity on endpoint \w+ \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated: held by container taken/,
    ],
    [
      'a device that is not there',
      run('--device', '/dev/no-such', 'busybox', 'true'),
      127,
      /error gathering device information while adding custom device "\/dev\/no-such": no such file or directory/,
    ],
    [
      'a sysctl that the kernel does not know',
      run('--sysctl', 'net.no.such=1', 'busybox', 'true'),
      125,
      /\/proc\/sys\/net\/no\/such is not a sysctl file/,
    ],
    [
      'a runtime that nobody registered',
      run('--runtime', 'no-such', 'busybox', 'true'),
      125,
      /unknown or invalid runtime name: no-such/,
    ],
    [
      'a capability that is none',
      run('--cap-add', 'NO_SUCH', 'busybox', 'true'),
      125,
      /unknown capability: "CAP_NO_SUCH"/,
    ],
    ['too little memory', run('--memory', '1k', 'busybox', 'true'), 125, /Minimum memory limit allowed is 6MB/],
    ['more processors than there are', run('--cpus', '4096', 'busybox', 'true'), 125, /range of CPUs is from 0\.01 to/],
    [
      'a log driver that is not built',
      run('--log-driver', 'no-such', 'busybox', 'true'),
      125,
      /logger: no log driver named 'no-such' is registered/,
    ],
  ];
  for (const [what, args, code, sentence] of cases) test(what, () => refused(args, code, sentence));

  test('a port held by a foreign process: the error names the process', async () => {
    for (const [protocol, program] of [
      ['tcp', "require('net').createServer().listen(8090)"],
      ['udp', "require('dgram').createSocket('udp4').bind(8090)"],
    ] as const) {
      const foreign = engine.host.spawn('node', ['-e', program], { stdio: 'ignore' });
      await until('it listens', () => engine.host.run('ss', '-Hlntu').out.includes(':8090'));
      try {
        const ran = engine.docker(...run('-p', `8090:80/${protocol}`, 'busybox', 'true'));
        assert.equal(ran.code, 125);
        assert.match(
          ran.err,
          new RegExp(
            `failed to bind host port for 0\\.0\\.0\\.0:8090:172\\.17\\.0\\.\\d+:80/${protocol}: address already in use: held by node \\(pid ${foreign.pid}\\)`,
          ),
        );
      } finally {
        foreign.kill('SIGKILL');
        await once(foreign, 'exit');
      }
      await asBefore(`a taken ${protocol} port`);
    }
  });

  test('of many ports the last one is taken: none is kept', async () => {
    await refused(
      run('-p', '9000-9050:9000-9050', '-p', '8080:80', 'busybox', 'true'),
      125,
      /port is already allocated/,
    );
  });
});

describe('a container that cannot start', () => {
  test("shows the exit code that the runtime's refusal has in Docker", () => {
    for (const [args, code] of [
      [['-v', '/etc/passwd:/bin', 'busybox'], 127],
      [['busybox', '/etc'], 126],
      [['busybox', '/no/such'], 127],
    ] as const) {
      engine.docker('run', '-d', '--name', 'refused', ...args);
      assert.equal(engine.ok('inspect', '-f', '{{.State.ExitCode}}', 'refused'), String(code), args.join(' '));
      engine.ok('rm', 'refused');
      assert.equal(engine.causeway('run', '--rm', ...args).code, code, args.join(' '));
    }
  });

  test('may have a host in the form name=address', () => {
    assert.match(
      engine.ok('run', '--rm', '--add-host', 'plain=10.1.2.3', 'busybox', 'cat', '/etc/hosts'),
      /^10\.1\.2\.3\tplain$/m,
    );
    const created = JSON.parse(
      engine.shell(
        `curl -s --unix-socket ${engine.socket} -H 'Content-Type: application/json' -d '{"Image":"busybox","Cmd":["cat","/etc/hosts"],"HostConfig":{"ExtraHosts":["raw=10.1.2.4"]}}' http://x/containers/create`,
      ).out,
    ) as { Id: string };
    assert.match(engine.ok('start', '-a', created.Id), /^10\.1\.2\.4\traw$/m);
    engine.ok('rm', created.Id);
  });

  test('may spell hardware addresses and host ports in all ways that Docker takes', () => {
    const body = {
      Image: 'busybox',
      Cmd: ['cat', '/sys/class/net/eth0/address'],
      HostConfig: { NetworkMode: 'user-net', PortBindings: { '80/tcp': [{ HostPort: '8091/tcp' }] } },
      NetworkingConfig: { EndpointsConfig: { 'user-net': { MacAddress: '0242.AC11.0099' } } },
    };
    const created = JSON.parse(
      engine.shell(
        `curl -s --unix-socket ${engine.socket} -H 'Content-Type: application/json' -d '${JSON.stringify(body)}' http://x/containers/create`,
      ).out,
    ) as { Id: string };
    assert.equal(engine.ok('start', '-a', created.Id), '02:42:ac:11:00:99');
    assert.equal(
      engine.ok('inspect', '-f', '{{json .HostConfig.PortBindings}}', created.Id),
      '{"80/tcp":[{"HostIp":"","HostPort":"8091"}]}',
    );
    engine.ok('rm', created.Id);
  });

  test('stays created with the reason, starts once the reason is gone, and is removed completely', async () => {
    const failed = engine.docker('run', '-d', '--name', 'late', '-p', '8080:80', 'nginx');
    assert.equal(failed.code, 125);
    const state = (): unknown =>
      JSON.parse(
        engine.ok(
          'inspect',
          '-f',
          '[{{json .State.Status}},{{.State.Pid}},{{.State.ExitCode}},{{json .NetworkSettings.Networks.bridge.IPAddress}},{{json .State.Error}}]',
          'late',
        ),
      );
    const [status, pid, exitCode, address, error] = state() as [string, number, number, string, string];
    assert.deepEqual([status, pid, exitCode, address], ['created', 0, 128, '']);
    assert.match(error, /port is already allocated/);
    assert.equal(engine.docker('start', 'late').code, 1);
    engine.ok('stop', '-t', '0', 'taken');
    engine.ok('start', 'late');
    assert.deepEqual(
      (state() as unknown[]).filter((_, index) => index !== 1 && index !== 3),
      ['running', 0, ''],
    );
    engine.ok('rm', '-f', 'late');
    engine.ok('start', 'taken');
    engine.ok('exec', 'taken', 'true');
    untouched = await tracesAtRest(engine, parent); // another endpoint, other names
  });

  test('because its network is gone', async () => {
    engine.ok('network', 'create', 'short-lived');
    engine.ok('create', '--name', 'lost', '--network', 'short-lived', 'busybox', 'true');
    engine.ok('network', 'rm', 'short-lived');
    const before = await tracesAtRest(engine, parent);
    assert.match(engine.docker('start', 'lost').err, /network short-lived not found/);
    await assertUntouched(engine, parent, before, 'docker start');
    engine.ok('rm', 'lost');
    await asBefore('docker rm');
  });

  test('because the container whose network it shares does not run', async () => {
    engine.ok('create', '--name', 'source', 'busybox', 'true');
    engine.ok('create', '--name', 'sharer', '--network', 'container:source', 'busybox', 'true');
    const before = await tracesAtRest(engine, parent);
    assert.match(
      engine.docker('start', 'sharer').err,
      /cannot join network namespace of a non running container: container source is created/,
    );
    await assertUntouched(engine, parent, before, 'docker start');
    engine.ok('rm', 'source', 'sharer');
    await asBefore('docker rm');
  });

  test('because its command is not there: 127 stays readable', async () => {
    assert.equal(engine.docker('run', '-d', '--name', 'no-command', 'busybox', 'nosuch').code, 127);
    assert.equal(engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'no-command'), 'created 127');
    engine.ok('rm', 'no-command');
    await asBefore('docker rm');
  });
});

describe('networks, exec and the rest', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, sentence: RegExp])[] = [
    [['network', 'create', 'user-net'], 1, /network with name user-net already exists/],
    [['network', 'create', 'bridge'], 1, /operation is not permitted on predefined bridge network/],
    [['network', 'create', '-d', 'no-such', 'n1'], 1, /plugin "no-such" not found/],
    [['network', 'create', '--subnet', '10.99.0.0/25', 'n1'], 1, /Pool overlaps with other one on this address space/],
    [
      ['network', 'create', '--subnet', '10.97.0.5/24', 'n1'],
      1,
      /invalid subnet 10\.97\.0\.5\/24: it should be 10\.97\.0\.0\/24|10\.97\.0\.5\/24/,
    ],
    [
      ['network', 'create', '-o', 'com.docker.network.bridge.name=docker0', 'n1'],
      1,
      /conflicts with network .*networks have same bridge name/,
    ],
    [['network', 'create', '-o', 'com.docker.network.driver.mtu=x', 'n1'], 1, /mtu|MTU/],
    [['network', 'create', '-d', 'macvlan', '-o', 'parent=no-such0', 'n1'], 1, /no-such0/],
    [['network', 'rm', 'user-net'], 1, /network user-net has active endpoints \(name:"taken" id:"[0-9a-f]{12}"\)/],
    [['network', 'rm', 'no-such'], 1, /network no-such not found/],
    [['network', 'rm', 'host'], 1, /host is a pre-defined network and cannot be removed/],
    [['network', 'connect', 'user-net', 'taken'], 1, /endpoint with name taken already exists in network user-net/],
    [['network', 'connect', 'no-such', 'taken'], 1, /network no-such not found/],
    [
      ['network', 'connect', '--ip', '10.1.1.1', 'bridge', 'taken'],
      1,
      /user specified IP address is supported on user defined networks only/,
    ],
    [['network', 'disconnect', 'bridge', 'taken'], 1, /is not connected to network bridge/],
    [['exec', 'taken', 'nosuch'], 127, /exec: "nosuch": executable file not found in \$PATH/],
    [['exec', '-u', 'nobody-here', 'taken', 'true'], 1, /unable to find user nobody-here/],
    [['exec', '-w', '/no/such', 'taken', 'true'], 127, /\/no\/such.*no such file or directory/i],
    [['exec', 'no-such', 'true'], 1, /No such container: no-such/],
    [['rename', 'taken', 'taken'], 1, /Renaming a container with the same name as its current name/],
    [['rename', 'taken', 'a/b'], 1, /Invalid container name \(a\/b\)/],
    [
      ['rm', 'taken'],
      1,
      /cannot remove container "\/?taken": container is running: stop the container before removing or force remove/,
    ],
    [['kill', '-s', 'NOPE', 'taken'], 1, /invalid signal: NOPE/],
    [['rmi', 'nginx'], 1, /conflict: unable to (remove repository reference|delete)/],
    [['volume', 'create', '-d', 'no-such', 'v1'], 1, /plugin "no-such" not found/],
    [['volume', 'rm', 'no-such'], 1, /no such volume/],
    [['cp', 'taken:/no/such', '/tmp/never'], 1, /Could not find the file \/no\/such in container taken/],
    [['update', '--memory', '1k', 'taken'], 1, /Minimum memory limit allowed is 6MB/],
    [['pull', '127.0.0.1:1/x'], 1, /connection refused/],
  ];
  for (const [args, code, sentence] of cases) test(args.join(' '), () => refused(args, code, sentence));
});

describe('the wire', () => {
  interface Answer {
    readonly status: number;
    readonly text: string;
  }

  function send(method: string, path: string, body: string | Buffer = '', type = 'application/json'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath: engine.socket, method, path, headers: { 'Content-Type': type }, timeout: 10_000 },
        (response) => {
          let text = '';
          response
            .setEncoding('utf8')
            .on('data', (chunk: string) => (text += chunk))
            .on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      call.on('error', reject);
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)));
      call.end(body);
    });
  }

  const ROUTES = [
    '/containers/create',
    '/containers/create?name=wire',
    '/containers/taken/update',
    '/containers/taken/exec',
    '/networks/create',
    '/networks/user-net/connect',
    '/networks/user-net/disconnect',
    '/volumes/create',
    '/exec/no-such/start',
    '/auth',
  ];
  const BODIES = [
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '5',
    '{"Image":5}',
    '{"Image":"busybox","Cmd":{"a":1}}',
    '{"Image":"busybox","HostConfig":[]}',
    '{"Image":"busybox","Env":"A=1"}',
    '{"Image":"busybox","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":8080}]}}}',
    '{"Image":"busybox","HostConfig":{"PortBindings":{"x":[]}}}',
    '{"Image":"busybox","HostConfig":{"Memory":"lots"}}',
    '{"Image":"busybox","HostConfig":{"Memory":-5}}',
    '{"Image":"busybox","HostConfig":{"Binds":["nonsense"]}}',
    '{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"sometimes"}}}',
    '{"Image":"busybox","ExposedPorts":{"99999/tcp":{}}}',
    '{"Image":"busybox","NetworkingConfig":{"EndpointsConfig":{"user-net":{"IPAMConfig":{"IPv4Address":"x"}}}}}',
    '{"Name":7}',
    '{"Name":""}',
    '{"Name":"x","IPAM":{"Config":[{"Subnet":"10.0.0.0/33"}]}}',
    '{"Name":"x","IPAM":{"Config":[{"Subnet":7}]}}',
    '{"Container":7}',
    '{"Container":"no-such"}',
    '{"Container":"taken","EndpointConfig":7}',
    '{"Cmd":7}',
    '{"Cmd":[7]}',
    '{"Cmd":[]}',
    '{"Driver":7}',
    '\u0000',
    '\xff\xfe',
    `{"Image":"${'x'.repeat(100_000)}"}`,
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  ];

  test('wrong bodies to every route that takes one', async () => {
    for (const route of ROUTES) {
      for (const body of BODIES) {
        if (route.endsWith('/disconnect') && body.includes('"taken"')) continue;
        const { status, text } = await send('POST', route, body);
        const shown = `POST ${route} ${body.slice(0, 80)}: ${status} ${text.slice(0, 200)}`;
        // Only a volume and an update without any wish are nothing wrong.
        const harmless =
          (route === '/volumes/create' && status === 201) ||
          (route === '/containers/taken/update' && status === 200) ||
          (route === '/containers/taken/exec' && status === 201);
        if (harmless) {
          const { Name } = JSON.parse(text) as { Name?: string };
          if (Name !== undefined) await send('DELETE', `/volumes/${Name}`);
          continue;
        }
        // A login without an address is one at Docker's registry, which cannot be reached from here.
        assert.ok((status >= 400 && status < 500) || (route === '/auth' && status === 500), shown);
        const { message } = JSON.parse(text) as { message?: string };
        assert.ok(typeof message === 'string' && message.length > 3, shown);
      }
    }
    await asBefore('wrong bodies');
  });

  test('wrong parameters, versions and routes', async () => {
    for (const [method, path, status, sentence] of [
      ['GET', '/containers/json?filters=%7B', 400, /invalid filter/],
      ['GET', '/containers/json?filters=%7B%22nosuch%22%3A%5B%22x%22%5D%7D', 400, /invalid filter 'nosuch'/],
      ['GET', '/containers/json?limit=abc', 400, /abc/],
      ['GET', '/networks?filters=%5B%5D', 400, /invalid filter/],
      ['GET', '/containers/taken/logs', 400, /Bad parameters: you must choose at least one stream/],
      ['GET', '/containers/taken/logs?stdout=1&tail=x&since=y', 400, /./],
      ['GET', '/containers/taken/archive', 400, /./],
      ['POST', '/containers/taken/wait?condition=never', 400, /invalid condition: \\"never\\"/],
      ['POST', '/containers/taken/stop?t=x', 400, /./],
      ['POST', '/containers/taken/resize?h=a&w=b', 400, /invalid resize height \\"a\\"/],
      ['POST', '/containers/no-such/start', 404, /No such container: no-such/],
      ['GET', '/events?since=nonsense', 400, /./],
      ['GET', '/v9.99/info', 400, /client version 9\.99 is too new\. Maximum supported API version is 1\.55/],
      ['GET', '/v1.12/info', 400, /client version 1\.12 is too old/],
      ['GET', '/no/such/route', 404, /page not found/],
      ['GET', '/containers/%zz/json', 404, /page not found|No such container/],
      ['GET', '/containers/..%2f..%2fetc/json', 404, /./],
      ['POST', '/swarm/init', 501, /./],
    ] as const) {
      const answer = await send(method, path);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
      assert.match(answer.text, sentence, path);
    }
    await asBefore('wrong parameters');
  });

  test('archives and images that are none', async () => {
    for (const [method, path] of [
      ['PUT', '/containers/taken/archive?path=/tmp'],
      ['POST', '/images/create?fromSrc=-&repo=broken'],
      ['POST', '/images/load'],
    ] as const) {
      for (const body of [Buffer.from('no archive at all'), Buffer.alloc(4096, 0xff), Buffer.from('1f8b0800', 'hex')]) {
        const { status, text } = await send(method, path, body, 'application/x-tar');
        assert.ok(
          status >= 400 || /"errorDetail"/.test(text),
          `${method} ${path} ${body.toString('latin1', 0, 8)}: ${status} ${text}`,
        );
      }
    }
    assert.match(
      (await send('PUT', '/containers/taken/archive?path=/no/such', 'x', 'application/x-tar')).text,
      /Could not find the file \/no\/such in container taken/,
    );
    const id = engine.ok('inspect', '-f', '{{.Id}}', 'taken');
    assert.match(
      (await send('PUT', `/containers/${id}/archive?path=/no/such`, 'x', 'application/x-tar')).text,
      new RegExp(`Could not find the file /no/such in container ${id}`),
      'a container is called what its caller calls it',
    );
    await asBefore('broken archives');
  });

  test('a client that leaves in the middle of a body', async () => {
    for (const path of ['/containers/create', '/images/create?fromSrc=-&repo=broken', '/images/load']) {
      const call = request({
        socketPath: engine.socket,
        method: 'POST',
        path,
        headers: { 'Content-Type': 'application/json', 'Content-Length': 100_000 },
      });
      call.on('error', () => undefined);
      call.write('{"Image":"bus');
      await new Promise((resolve) => setTimeout(resolve, 100));
      call.destroy();
    }
    await asBefore('broken uploads');
  });

  test('after all of this the same daemon serves, and complained of nothing unexpected', async () => {
    assert.equal(engine.pid, daemonPid);
    assert.equal(engine.ok('run', '--rm', 'busybox', 'echo', 'well'), 'well');
    const loud = engine.log
      .split('\n')
      .filter((line) => /"level":(50|60)/.test(line) && !/"room":"api".*"status":500/.test(line));
    assert.deepEqual(loud, []);
  });
});

test('no temporary file is left', () => {
  assert.deepEqual(readdirSync(join(engine.dataRoot, 'image/ingest')), []);
  assert.deepEqual(readdirSync(join(engine.dataRoot, 'image/unpack')), []);
});

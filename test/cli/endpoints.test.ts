/** Where a command goes: contexts, TLS and ssh, each to an engine that records what it was asked. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { empty, FakeEngine, hijack, frame, sendJson } from './fake-engine.ts';
import { hasDocker, runCausewayClient, runDockerClient } from './run-client.ts';

const root = join(import.meta.dirname, '../..');
const CONTAINERS = 'GET /containers/json';

describe('endpoints of the command line', () => {
  let here: FakeEngine;
  let far: FakeEngine;
  let directory: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'causeway-endpoints-'));
    here = await FakeEngine.start({ [CONTAINERS]: [] });
    const endless = (_asked: unknown, response: ServerResponse) => response.writeHead(200).flushHeaders();
    far = await FakeEngine.start({ [CONTAINERS]: [], 'GET /events': endless });
  });
  beforeEach(() => {
    here.asked.splice(0);
    far.asked.splice(0);
  });
  after(async () => {
    await here.stop();
    await far.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A context as `docker context create` writes it. */
  function writeContext(name: string, host: string, tls: Record<string, string> = {}): void {
    const id = createHash('sha256').update(name).digest('hex');
    mkdirSync(join(directory, 'contexts/meta', id), { recursive: true });
    const meta = {
      Name: name,
      Metadata: { Description: `of ${name}` },
      Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
    };
    writeFileSync(join(directory, 'contexts/meta', id, 'meta.json'), JSON.stringify(meta));
    if (Object.keys(tls).length === 0) return;
    mkdirSync(join(directory, 'contexts/tls', id, 'docker'), { recursive: true });
    for (const [file, text] of Object.entries(tls))
      writeFileSync(join(directory, 'contexts/tls', id, 'docker', file), text);
  }

  const causeway = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    runCausewayClient(args, { env: { DOCKER_CONFIG: directory, DOCKER_HOST: '', DOCKER_CONTEXT: '', ...env } });

  it('version in a format that asks for the server tells that none answers, not that the template fails', async () => {
    const nowhere = `unix://${join(directory, 'nowhere.sock')}`;
    const { code, stdout, stderr } = await causeway(['-H', nowhere, 'version', '--format', '{{.Server.Version}}']);
    assert.deepEqual([code, stdout], [1, '\n']);
    assert.match(stderr, /^Cannot connect to the Causeway daemon at \S+\. Is the causeway daemon running\?\n$/);
  });

  describe('contexts', () => {
    before(() => writeContext('far', far.host));

    it('--context and DOCKER_CONTEXT go to where the context says, never here', async () => {
      assert.equal((await causeway(['--context', 'far', 'ps'])).code, 0);
      assert.equal((await causeway(['-c', 'far', 'ps'], { DOCKER_HOST: here.host })).code, 0);
      assert.equal((await causeway(['ps'], { DOCKER_CONTEXT: 'far' })).code, 0);
      assert.deepEqual([far.calls(CONTAINERS).length, here.calls(CONTAINERS).length], [3, 0]);
    });

    it('a host in the environment is stronger than DOCKER_CONTEXT, as in Docker', async () => {
      assert.equal((await causeway(['ps'], { DOCKER_CONTEXT: 'far', DOCKER_HOST: here.host })).code, 0);
      assert.equal((await causeway(['--context', 'default', 'ps'], { DOCKER_HOST: here.host })).code, 0);
      assert.deepEqual([far.calls(CONTAINERS).length, here.calls(CONTAINERS).length], [0, 2]);
    });

    it('one that does not exist is refused and nothing is asked of anybody', async () => {
      for (const [args, env] of [
        [['--context', 'nope', 'ps'], {}],
        [['ps'], { DOCKER_CONTEXT: 'nope' }],
        [['--context', '../../etc', 'ps'], {}],
      ] as const) {
        const { code, stderr } = await causeway(args, env);
        assert.equal(code, 1);
        assert.match(stderr, /unable to resolve docker endpoint: context ".*": context not found/);
      }
      const both = await causeway(['-H', here.host, '--context', 'far', 'ps']);
      assert.equal(both.stderr, 'conflicting options: cannot specify both --host and --context\n');
      assert.deepEqual([far.asked.length, here.asked.length], [0, 0]);
    });

    it('files of the store that are damaged are named', async () => {
      writeContext('torn', far.host);
      const id = createHash('sha256').update('torn').digest('hex');
      for (const [text, reason] of [
        ['{', /meta\.json: .*JSON/],
        ['null', /it has no Name/],
        ['{"Name":"torn","Endpoints":{"docker":{"Host":7}}}', /it has no Endpoints\.docker\.Host/],
      ] as const) {
        writeFileSync(join(directory, 'contexts/meta', id, 'meta.json'), text);
        assert.match((await causeway(['--context', 'torn', 'ps'])).stderr, reason);
      }
      rmSync(join(directory, 'contexts/meta', id), { recursive: true });
    });

    it('context install makes the daemon a context that both clients use', async () => {
      const env = { DOCKER_CONFIG: mkdtempSync(join(directory, 'own-')), CAUSEWAY_HOST: far.host };
      const first = await causeway(['context', 'install', 'mine'], env);
      assert.deepEqual([first.code, first.stdout], [0, 'mine\n'], first.stderr);
      assert.match(first.stderr, new RegExp(`^Added: docker --context mine goes to ${far.host}`));
      const again = await causeway(['context', 'install', 'mine'], env);
      assert.match(again.stderr, /^There already: /);
      const elsewhere = await causeway(['-H', here.host, 'context', 'install', 'mine'], env);
      assert.equal(elsewhere.code, 1);
      assert.match(
        elsewhere.stderr,
        /context "mine" already exists and leads to .*: choose another name, or docker context rm mine/,
      );
      const asked = far.asked.length;
      assert.equal((await causeway(['--context', 'mine', 'ps'], { ...env, CAUSEWAY_HOST: '' })).code, 0);
      assert.ok(far.asked.length > asked);
      if (!hasDocker) return;
      const inspected = await runDockerClient(['context', 'inspect', 'mine', '-f', '{{.Endpoints.docker.Host}}'], {
        env,
      });
      assert.deepEqual([inspected.stdout, inspected.stderr], [`${far.host}\n`, '']);
    });

    it('context install refuses names that are none and daemons that are no socket here', async () => {
      const env = { DOCKER_CONFIG: mkdtempSync(join(directory, 'own-')) };
      for (const [args, reason] of [
        [['context', 'install', '../x'], /context name "\.\.\/x" is invalid/],
        [['context', 'install', 'default'], /"default" is a reserved context name/],
        [
          ['-H', 'tcp://127.0.0.1:1', 'context', 'install'],
          /tcp:\/\/127\.0\.0\.1:1 is no socket of this machine: add it with docker context create/,
        ],
      ] as const) {
        const refused = await causeway(args, env);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, reason);
      }
      assert.deepEqual(readdirSync(env.DOCKER_CONFIG), []);
    });

    it('context ls and show tell which one is used', async () => {
      const listed = await causeway(['context', 'ls', '--format', '{{.Name}} {{.Current}} {{.DockerEndpoint}}'], {
        DOCKER_CONTEXT: 'far',
      });
      assert.deepEqual(listed.stdout.split('\n'), [
        'default false unix:///run/causeway/causeway.sock',
        `far true ${far.host}`,
        '',
      ]);
      assert.equal((await causeway(['--context', 'far', 'context', 'show'])).stdout, 'far\n');
      assert.equal((await causeway(['context', 'show'])).stdout, 'default\n');
    });
  });

  describe('TLS', () => {
    let server: Server;
    let host: string;
    const path = (name: string) => join(directory, name);
    const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore', cwd: directory });

    before(async () => {
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        'ca-key.pem',
        '-out',
        'ca.pem',
        '-subj',
        '/CN=ca',
        '-days',
        '2',
      );
      for (const [name, alternative] of [
        ['server', 'IP:127.0.0.1'],
        ['client', 'DNS:client'],
      ] as const) {
        writeFileSync(path(`${name}.ext`), `subjectAltName=${alternative}\n`);
        openssl(
          'req',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-keyout',
          `${name}-key.pem`,
          '-out',
          `${name}.csr`,
          '-subj',
          `/CN=${name}`,
        );
        openssl(
          'x509',
          '-req',
          '-in',
          `${name}.csr`,
          '-CA',
          'ca.pem',
          '-CAkey',
          'ca-key.pem',
          '-CAcreateserial',
          '-out',
          `${name}.pem`,
          '-days',
          '2',
          '-extfile',
          `${name}.ext`,
        );
      }
      const read = (name: string) => readFileSync(path(name));
      server = createTlsServer(
        {
          key: read('server-key.pem'),
          cert: read('server.pem'),
          ca: read('ca.pem'),
          requestCert: true,
          rejectUnauthorized: true,
        },
        (socket) => {
          const inner = connect(far.host.slice('unix://'.length));
          for (const one of [socket, inner]) one.on('error', () => (socket.destroy(), inner.destroy()));
          socket.pipe(inner).pipe(socket);
        },
      );
      server.on('tlsClientError', () => {});
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => server.close());

    const mutual = () => [
      '--tlsverify',
      '--tlscacert',
      path('ca.pem'),
      '--tlscert',
      path('client.pem'),
      '--tlskey',
      path('client-key.pem'),
    ];

    it('both sides are verified: with certificates of one authority it works', async () => {
      const { code, stderr } = await causeway(['-H', host, ...mutual(), 'ps']);
      assert.equal(stderr, '');
      assert.equal(code, 0);
      assert.equal(far.calls(CONTAINERS).length, 1);
    });

    it('streams of exec are carried over TLS', async () => {
      far.set('POST /containers/c/exec', (_asked, response) => sendJson(response, 201, { Id: 'e' }));
      far.set('POST /exec/e/start', (_asked, response) => {
        const socket = hijack(response, true);
        socket.end(frame(1, 'through\n'));
      });
      far.set('GET /exec/e/json', { ExitCode: 0, Running: false });
      far.set('POST /exec/e/resize', empty(200));
      const { stdout, stderr } = await causeway(['-H', host, ...mutual(), 'exec', 'c', 'true']);
      assert.deepEqual([stdout, stderr], ['through\n', '']);
    });

    it('DOCKER_TLS_VERIFY with DOCKER_CERT_PATH, and the files of a context, do the same', async () => {
      const certs = path('certs');
      mkdirSync(certs);
      for (const [to, from] of [
        ['ca.pem', 'ca.pem'],
        ['cert.pem', 'client.pem'],
        ['key.pem', 'client-key.pem'],
      ] as const)
        writeFileSync(join(certs, to), readFileSync(path(from)));
      assert.equal(
        (await causeway(['ps'], { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certs })).stderr,
        '',
      );
      writeContext('secure', host, {
        'ca.pem': readFileSync(path('ca.pem'), 'utf8'),
        'cert.pem': readFileSync(path('client.pem'), 'utf8'),
        'key.pem': readFileSync(path('client-key.pem'), 'utf8'),
      });
      assert.equal((await causeway(['--context', 'secure', 'ps'])).stderr, '');
      assert.equal(far.calls(CONTAINERS).length, 2);
    });

    it('a server of another authority, a client without certificate and a missing file are refused', async () => {
      const stranger = await causeway([
        '-H',
        host,
        '--tlsverify',
        '--tlscert',
        path('client.pem'),
        '--tlskey',
        path('client-key.pem'),
        '--tlscacert',
        path('client.pem'),
        'ps',
      ]);
      assert.equal(stranger.code, 1);
      assert.match(stranger.stderr, /error during connect: .*certificate/);
      const unknown = await causeway(['-H', host, '--tls', '--tlscacert', path('ca.pem'), 'ps'], {
        DOCKER_CERT_PATH: '/nonexistent',
      });
      assert.equal(unknown.code, 1);
      assert.match(unknown.stderr, /^error during connect: tcp:\S+: TLS: [\w ]*certificate required\n$/);
      const plain = await causeway(['-H', host, 'ps']);
      assert.equal(plain.code, 1);
      assert.match(
        plain.stderr,
        /^error during connect: the daemon at tcp:\S+ closed the connection: .* --tlsverify\n$/,
      );
      const missing = await causeway(['-H', host, '--tlsverify', '--tlscacert', '/nonexistent/ca.pem', 'ps']);
      assert.match(missing.stderr, /could not read CA certificate \/nonexistent\/ca\.pem/);
      const half = await causeway(
        ['-H', host, '--tlsverify', '--tlscacert', path('ca.pem'), '--tlskey', path('client-key.pem'), 'ps'],
        { DOCKER_CERT_PATH: '/nonexistent' },
      );
      assert.match(half.stderr, /a TLS key \(.*\) needs its certificate/);
      assert.equal(far.asked.length, 0);
    });
  });

  describe('ssh', () => {
    let env: NodeJS.ProcessEnv;

    before(() => {
      const bin = join(directory, 'bin');
      mkdirSync(bin);
      // Stands for ssh: notes its words and runs the far end's command here, with the far end's socket.
      writeFileSync(
        join(bin, 'ssh'),
        `#!/bin/sh\nprintf '%s\\n' "$*" >>${directory}/ssh.log\nwhile [ "$1" != -- ]; do shift; done\nshift; host=$1; shift\n` +
          `[ "$host" != closed ] || { echo "ssh: connect to host closed port 22: Connection refused" >&2; exit 255; }\nexec "$@"\n`,
      );
      writeFileSync(join(bin, 'causeway'), `#!/bin/sh\nexec ${process.execPath} -- ${root}/dist/cli.cjs "$@"\n`);
      for (const name of ['ssh', 'causeway']) chmodSync(join(bin, name), 0o755);
      env = { PATH: `${bin}:${process.env['PATH']}`, CAUSEWAY_HOST: far.host };
    });

    it('-H ssh:// goes through `causeway system dial-stdio` of the other machine', async () => {
      const { code, stderr } = await causeway(['-H', 'ssh://me@far.example:2222', 'ps'], env);
      assert.equal(stderr, '');
      assert.equal(code, 0);
      assert.equal(far.calls(CONTAINERS).length, 1);
      assert.match(
        readFileSync(join(directory, 'ssh.log'), 'utf8'),
        /^-l me -p 2222 -o ConnectTimeout=30 -T -- far\.example causeway system dial-stdio$/m,
      );
    });

    it('dial-stdio ends with the engine, though its input stays open: run and attach without -i end over ssh', async () => {
      const greeting = createServer({ allowHalfOpen: true }, (socket) => socket.end('the last words'));
      const socket = join(directory, 'greeting.sock');
      await new Promise<void>((resolve) => greeting.listen(socket, resolve));
      const { code, stdout } = await runCausewayClient(['-H', `unix://${socket}`, 'system', 'dial-stdio'], {
        onStart: () => {}, // leaves the input open
      }).finally(() => greeting.close());
      assert.deepEqual([code, stdout], [0, 'the last words']);
    });

    it('what is sent after the end of the input still comes: dial-stdio passes on the end of one direction', async () => {
      const late = createServer({ allowHalfOpen: true }, (socket) => {
        let said = '';
        socket.on('data', (part: Buffer) => (said += part.toString()));
        socket.on('end', () => socket.end(`heard ${said}`));
      });
      const socket = join(directory, 'late.sock');
      await new Promise<void>((resolve) => late.listen(socket, resolve));
      const { code, stdout } = await runCausewayClient(['-H', `unix://${socket}`, 'system', 'dial-stdio'], {
        input: 'a question',
      }).finally(() => late.close());
      assert.deepEqual([code, stdout], [0, 'heard a question']);
    });

    it('what ssh complains of is told', async () => {
      const { code, stderr } = await causeway(['-H', 'ssh://closed', 'ps'], env);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /error during connect: ssh:\/\/closed: ssh: connect to host closed port 22: Connection refused/,
      );
    });

    it('nothing is left of a command over ssh that a signal has ended', async () => {
      const place = join(directory, 'tmp');
      mkdirSync(place);
      let ssh = 0;
      const asked = far.asked.length;
      const { code } = await runCausewayClient(['-H', 'ssh://far.example', 'events'], {
        env: { DOCKER_CONFIG: directory, DOCKER_HOST: '', DOCKER_CONTEXT: '', ...env, TMPDIR: place },
        onStart: async (child) => {
          while (far.asked.length === asked) await new Promise((resolve) => setTimeout(resolve, 5));
          ssh = Number(
            execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
              .trim()
              .split('\n')[0],
          );
          child.kill('SIGTERM');
        },
      });
      assert.equal(code, null, 'it was ended by the signal');
      assert.deepEqual(readdirSync(place), []);
      while (existsSync(`/proc/${ssh}`)) await new Promise((resolve) => setTimeout(resolve, 5));
    });

    it('no address becomes an option of ssh or a word of a shell', async () => {
      for (const host of [
        'ssh://-oProxyCommand=x',
        'ssh://-l@h',
        'ssh://a%20b@h',
        'ssh://h/$(x)',
        'ssh://h/;x',
        'ssh://u:secret@h',
        'ssh://%zz@h',
        'ssh://h/%zz',
        'ssh://',
      ]) {
        const { code, stderr } = await causeway(['-H', host, 'ps'], env);
        assert.equal(code, 1, host);
        assert.match(stderr, /Failed to initialize: ssh:/, host);
      }
      assert.equal(far.asked.length, 0);
    });
  });
});

/**
 * Attached runs against an engine at the wire: nothing that a container says is lost, and its exit code comes through.
 */
import assert from 'node:assert/strict';
import { spawnSync, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ServerResponse } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { empty, FakeEngine, frame, hijack, refuse, sendJson } from './fake-engine.ts';
import { runCausewayClient, runCausewayInTerminal } from './run-client.ts';

const ID = 'c0ffee'.repeat(10) + 'beef';

/** One container: what its process does is said by `play`, called when it is started. */
class Container {
  attached: Socket | undefined;
  #waiter: ServerResponse | undefined;
  readonly play: (container: Container) => void;
  startAnswer: [status: number, message: string, exitCode?: number] | undefined;

  constructor(play: (container: Container) => void) {
    this.play = play;
  }

  exit(code: number): void {
    this.attached?.end();
    this.#waiter?.end(JSON.stringify({ StatusCode: code }));
  }

  serve(engine: FakeEngine, multiplexed = true, early: Buffer = Buffer.alloc(0)): void {
    engine.set('POST /containers/create', (_asked, response) => sendJson(response, 201, { Id: ID, Warnings: [] }));
    engine.set(`POST /containers/${ID}/attach`, (_asked, response) => {
      this.attached = hijack(response, multiplexed, early);
    });
    engine.set(`POST /containers/${ID}/wait`, (_asked, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
      this.#waiter = response;
    });
    engine.set(`POST /containers/${ID}/kill`, empty());
    engine.set(`POST /containers/${ID}/resize`, empty(200));
    engine.set(`POST /containers/${ID}/start`, (asked, response) => {
      if (this.startAnswer)
        return sendJson(response, this.startAnswer[0], { message: this.startAnswer[1], exitCode: this.startAnswer[2] });
      response.writeHead(204).end();
      this.play(this);
    });
  }
}

describe('attached containers', () => {
  let engine: FakeEngine;
  before(async () => {
    engine = await FakeEngine.start();
  });
  afterEach(() => engine.asked.splice(0));
  after(() => engine.stop());

  const run = (
    args: readonly string[],
    options: { input?: string | Buffer; onStart?: (child: ChildProcess) => void } = {},
  ) => runCausewayClient(['run', ...args], { host: engine.host, ...options });

  it('are attached and waited for before they start', async () => {
    new Container((container) => {
      container.attached?.write(frame(1, 'out\n'));
      container.attached?.write(frame(2, 'err\n'));
      container.exit(7);
    }).serve(engine);
    const outcome = await run(['--rm', 'busybox', 'sh', '-c', 'exit 7']);
    assert.deepEqual(outcome, { code: 7, stdout: 'out\n', stderr: 'err\n' });
    const paths = engine.asked.map(({ path }) => path.split('/').at(-1));
    assert.equal(paths[0], 'create');
    assert.deepEqual(paths.slice(1, 3).toSorted(), ['attach', 'wait']);
    assert.equal(paths[3], 'start');
    assert.equal(engine.calls(`POST /containers/${ID}/wait`)[0]?.query.get('condition'), 'removed');
  });

  it('lose no output that comes in one piece with the answer to attach', async () => {
    new Container((container) => container.exit(0)).serve(engine, true, frame(1, 'early\n'));
    assert.deepEqual(await run(['busybox']), { code: 0, stdout: 'early\n', stderr: '' });
  });

  it('lose no output to an exit that is known before the output has come', async () => {
    new Container((container) => {
      const { attached } = container;
      container.attached = undefined;
      container.exit(3);
      setTimeout(() => attached?.end(frame(1, 'late\n')), 200);
    }).serve(engine);
    assert.deepEqual(await run(['busybox']), { code: 3, stdout: 'late\n', stderr: '' });
  });

  it('keep megabytes of output whole', async () => {
    const line = `${'x'.repeat(1023)}\n`;
    new Container(async (container) => {
      for (let block = 0; block < 80; block++) {
        if (!container.attached?.write(frame(1, line.repeat(100))))
          await new Promise((resolve) => container.attached?.once('drain', resolve));
      }
      container.exit(0);
    }).serve(engine);
    const { code, stdout } = await run(['busybox']);
    assert.equal(code, 0);
    assert.equal(stdout.length, 80 * 100 * 1024);
    assert.ok(stdout === line.repeat(8000));
  });

  it('get all of standard input, then its end, and still answer', async () => {
    const input = Buffer.alloc(3_000_000, 'abc');
    let received = 0;
    const container = new Container(() => {});
    container.serve(engine);
    engine.set(`POST /containers/${ID}/attach`, (_asked, response) => {
      const socket = (container.attached = hijack(response, true));
      socket.on('data', (chunk: Buffer) => (received += chunk.length));
      socket.on('end', () => {
        socket.write(frame(1, `${received} bytes\n`));
        container.exit(0);
      });
    });
    assert.deepEqual(await run(['-i', 'busybox', 'wc', '-c'], { input }), {
      code: 0,
      stdout: '3000000 bytes\n',
      stderr: '',
    });
  });

  it('pass on what the daemon reports inside the stream', async () => {
    new Container((container) => {
      container.attached?.write(frame(3, 'it broke'));
      container.exit(0);
    }).serve(engine);
    const { code, stderr } = await run(['busybox']);
    assert.deepEqual([code, stderr], [1, 'error from daemon in stream: it broke\n']);
  });

  for (const [message, code] of [
    ['exec: "nosuch": executable file not found in $PATH', 127],
    ['exec: "/etc": permission denied', 126],
    ['driver failed programming external connectivity', 125],
    // What counts is what the engine knows, not what its sentence has in it.
    ['exec: "/opt/permission denied/x": no such file', 127],
    ['error mounting "/etc/passwd" to rootfs at "/bin": not a directory', 127],
    ['network "no such file or directory" is gone', 125],
  ] as const) {
    it(`end with ${code} when the start fails: ${message}`, async () => {
      const container = new Container(() => {});
      container.startAnswer = code === 125 ? [400, message] : [400, message, code];
      container.serve(engine);
      const outcome = await run(['busybox', 'nosuch']);
      assert.equal(outcome.code, code);
      assert.equal(
        outcome.stderr,
        `causeway: Error response from daemon: ${message}\n\nRun 'causeway run --help' for more information\n`,
      );
    });
  }

  it('get the signals that the client gets', async () => {
    const container = new Container(({ attached }) => attached?.write(frame(1, 'ready\n')));
    container.serve(engine);
    engine.set(`POST /containers/${ID}/kill`, (asked, response) => {
      response.writeHead(204).end();
      if (asked.query.get('signal') === 'TERM') container.exit(143);
    });
    const outcome = await run(['busybox', 'sleep', '1000'], {
      onStart: (child) =>
        child.stdout?.once('data', () => {
          child.kill('SIGHUP');
          setTimeout(() => child.kill('SIGTERM'), 100);
        }),
    });
    assert.deepEqual(outcome, { code: 143, stdout: 'ready\n', stderr: '' });
    assert.deepEqual(
      engine.calls(`POST /containers/${ID}/kill`).map(({ query }) => query.get('signal')),
      ['HUP', 'TERM'],
    );
  });

  it('print their ID before they start when they are detached', async () => {
    const container = new Container(() => {});
    container.serve(engine);
    assert.deepEqual(await run(['-d', 'busybox']), { code: 0, stdout: `${ID}\n`, stderr: '' });
    assert.deepEqual(
      engine.asked.map(({ path }) => path.split('/').at(-1)),
      ['create', 'start'],
    );
    container.startAnswer = [500, 'port is already allocated'];
    const refused = await run(['-d', 'busybox']);
    assert.deepEqual([refused.code, refused.stdout], [125, `${ID}\n`]);
  });

  it('are pulled when the image is missing, and the image only', async () => {
    const container = new Container(({ attached, exit }) => {
      attached?.write(frame(1, 'hello\n'));
      exit.call(container, 0);
    });
    container.serve(engine);
    let pulled = false;
    engine.set('POST /containers/create', (_asked, response) =>
      pulled
        ? sendJson(response, 201, { Id: ID })
        : sendJson(response, 404, { message: 'No such image: busybox:latest' }),
    );
    engine.set('POST /images/create', (_asked, response) => {
      pulled = true;
      response.end(
        '{"status":"Pulling from library/busybox","id":"latest"}\n{"status":"Status: Downloaded newer image for busybox:latest"}\n',
      );
    });
    assert.deepEqual(await run(['busybox']), {
      code: 0,
      stdout: 'hello\n',
      stderr:
        "Unable to find image 'busybox:latest' locally\nlatest: Pulling from library/busybox\nStatus: Downloaded newer image for busybox:latest\n",
    });
    engine.set('POST /containers/create', refuse(404, 'network nosuch not found'));
    engine.set('GET /images/busybox/json', {});
    const { stderr } = await run(['--network', 'nosuch', 'busybox']);
    assert.match(stderr, /^causeway: Error response from daemon: network nosuch not found\n/);
  });

  it('speak an older version with a daemon that knows no newer one', async () => {
    engine.set('GET /networks', (asked, response) => {
      response.setHeader('Api-Version', '1.44');
      if (asked.version === '1.44') sendJson(response, 200, []);
      else sendJson(response, 400, { message: 'this daemon says it in words of its own' });
    });
    const { code, stderr } = await runCausewayClient(['network', 'ls', '-q'], { host: engine.host });
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(
      engine.calls('GET /networks').map(({ version }) => version),
      ['1.51', '1.44'],
    );
    // What is asked in a newer version falls back alike.
    const refusals: string[] = [];
    engine.set('GET /networks/net', (asked, response) => {
      response.setHeader('Api-Version', '1.51');
      refusals.push(asked.version);
      if (asked.version === '1.51') sendJson(response, 200, { Name: 'net' });
      else sendJson(response, 400, { message: 'too new' });
    });
    const inspected = await runCausewayClient(['network', 'inspect', '-f', '{{.Name}}', 'net'], { host: engine.host });
    assert.deepEqual([inspected.stdout, refusals], ['net\n', ['1.52', '1.51']]);
  });

  it('survive a daemon that stops, and report it', async () => {
    new Container((container) => {
      container.attached?.write(frame(1, 'before\n'));
      setTimeout(() => engine.dropConnections(), 100);
    }).serve(engine);
    const { code, stdout, stderr } = await run(['busybox']);
    assert.deepEqual([code, stdout], [125, 'before\n']);
    assert.match(stderr, /error waiting for container/);
  });
});

describe('a terminal', { skip: spawnSync('script', ['--version']).error ? 'there is no script(1)' : false }, () => {
  let engine: FakeEngine;
  before(async () => {
    engine = await FakeEngine.start();
  });
  after(() => engine.stop());

  it('is raw, has its size sent, and is left by ctrl-p ctrl-q', async () => {
    const typed: Buffer[] = [];
    const container = new Container(({ attached }) => {
      attached?.on('data', (chunk: Buffer) => typed.push(chunk));
      attached?.write('prompt> ');
    });
    container.serve(engine, false);
    const outcome = await runCausewayInTerminal(['run', '-it', 'busybox', 'sh'], {
      host: engine.host,
      rows: 33,
      columns: 101,
      when: [
        ['prompt> ', 'ls\r\x03'],
        ['', '\x10x'],
        ['', '\x10\x11'],
      ],
    });
    assert.equal(outcome.code, 0);
    assert.equal(Buffer.concat(typed).toString(), 'ls\r\x03\x10x');
    const { query } = engine.calls(`POST /containers/${ID}/resize`)[0] ?? assert.fail('no resize');
    assert.deepEqual([query.get('h'), query.get('w')], ['33', '101']);
    assert.match(outcome.output, /prompt> /);
  });

  it('shows the exit code of a shell', async () => {
    const container = new Container((own) => own.attached?.on('data', () => own.exit(5)));
    container.serve(engine, false, Buffer.from('$ '));
    const outcome = await runCausewayInTerminal(['run', '-it', '--rm', 'busybox'], {
      host: engine.host,
      rows: 24,
      columns: 80,
      when: [['$ ', 'exit 5\r']],
    });
    assert.equal(outcome.code, 5);
  });

  it('is needed for -it', async () => {
    new Container(() => {}).serve(engine);
    const { code, stderr } = await runCausewayClient(['run', '-it', 'busybox'], { host: engine.host });
    assert.deepEqual([code, stderr], [1, 'the input device is not a TTY\n']);
  });
});

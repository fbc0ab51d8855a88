/** Daemons that lie, never end, or write to the user's terminal. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { FakeEngine, refuse, sendJson, type Answer } from './fake-engine.ts';
import { runCausewayClient, type Outcome } from './run-client.ts';

const MEGABYTE = Buffer.alloc(1 << 20, 'a');

/** Sends until the client goes; how many megabytes the last answer came to. */
let sentMegabytes = 0;
function endless(response: ServerResponse): void {
  sentMegabytes = 0;
  response.on('error', () => {});
  const more = (): void => {
    while (!response.destroyed && (sentMegabytes++, response.write(MEGABYTE)));
  };
  response.on('drain', more);
  more();
}

const raw =
  (status: number, text: string, headers: Record<string, string> = {}): Answer =>
  (_asked, response) =>
    void response.writeHead(status, headers).end(text);

describe('a daemon', () => {
  let engine: FakeEngine;
  const causeway = (...args: string[]): Promise<Outcome> => runCausewayClient(args, { host: engine.host });
  before(async () => (engine = await FakeEngine.start()));
  after(() => engine.stop());

  test('whose answers and refusals never end is left with a sentence', async () => {
    for (const [status, route, args, sentence, most] of [
      [200, 'GET /containers/json', ['ps'], /the daemon's answer is larger than 256 MB/, 300],
      [
        500,
        'GET /containers/json',
        ['ps'],
        /request returned 500 Internal Server Error with a message \(> 1048576 bytes\)/,
        40,
      ],
      [200, 'GET /events', ['events'], /sends a line that is longer than \d+ characters/, 100],
      [200, 'POST /images/create', ['pull', 'x'], /sends a line that is longer than \d+ characters/, 100],
    ] as const) {
      engine.set(route, (_asked, response) => endless(response.writeHead(status)));
      const { code, stderr } = await causeway(...args);
      assert.match(stderr, sentence);
      assert.equal(code, 1);
      assert.ok(sentMegabytes < most, `${sentMegabytes} MB were taken for ${route}`);
    }
  });

  test('that is none is said to be none', async () => {
    for (const [answer, sentence] of [
      [
        raw(200, '<html>x</html>'),
        /the answer of unix:\S+ to \/containers\/json is none of the Docker Engine API: .*JSON/,
      ],
      [raw(200, '42'), /is none of the Docker Engine API: it is a number/],
      [raw(200, 'null'), /the daemon's answer is none of the Docker Engine API/],
      [raw(200, '[[[1]]]'), /the daemon's answer is none of the Docker Engine API/],
      [raw(302, '', { Location: 'http://127.0.0.1:1/' }), /unexpected redirect in response/],
    ] as const) {
      engine.set('GET /containers/json', answer);
      const { code, stdout, stderr } = await causeway('ps');
      assert.match(stderr, sentence);
      assert.equal(stdout, '');
      assert.equal(code, 1);
    }
  });

  test('cannot write to the terminal by its errors and its progress', async () => {
    const hostile = 'no \x1b]0;owned\x07\x1b[2J\u009b31m';
    const shown = 'no \\u001b]0;owned\\u0007\\u001b[2J\\u009b31m';
    engine.set('GET /containers/x/json', refuse(500, hostile));
    const top = await causeway('container', 'inspect', 'x');
    assert.ok(top.stderr.includes(shown), top.stderr);
    engine.set('POST /images/create', (_asked, response) => {
      const lines = [
        { status: hostile, id: hostile },
        { errorDetail: { message: hostile }, error: hostile },
      ];
      sendJson(response, 200, lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
    });
    const { stdout, stderr } = await causeway('pull', 'x');
    assert.equal(stdout, `Using default tag: latest\n${shown}: ${shown}\n`);
    assert.equal(stderr, `${shown}\n`);
  });
});

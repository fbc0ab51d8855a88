/**
 * Everything that an engine says has control characters in it, as names and labels of images, texts of registries and
 * contexts of others can have: a terminal gets none of them, a pipe gets what was said.
 */
/* oxlint-disable no-control-regex -- they are what is looked for */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { FakeEngine } from './fake-engine.ts';
import { answers } from './oracle-answers.ts';
import { actions, lists } from './oracle-cases.ts';
import { runCausewayClient, runCausewayInTerminal } from './run-client.ts';

/** Sets a title, in both notations of controls, deletes, and turns the direction of writing. */
const POISON = '\x1b]0;title\x07\u009b31m\u007f\u202e\r';
const SPELLED = '\\u001b]0;title\\u0007\\u009b31m\\u007f\\u202e\\u000d';
/** What commands look up, calculate with or send back. */
const NEEDED = /^(\d{4}-\d\d-\d\dT.*|(sha256:)?[0-9a-f]{12,}|ex1|\d[\d.]*)$/;
/** Of their maps the keys are names too. */
const NAMED = new Set(['Labels', 'Attributes', 'Networks', 'Options']);

function poisoned(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return NEEDED.test(value) ? value : spoil(value);
  if (Array.isArray(value)) return value.map((item) => poisoned(item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [NAMED.has(key) ? spoil(name) : name, poisoned(inner, name)]),
  );
}

/** What ends a line still ends it. */
const spoil = (text: string) => (text.endsWith('\n') ? `${text.slice(0, -1)}${POISON}\n` : text + POISON);

/** In front of the fake engine: the JSON of its answers is spoilt on the way. */
function poisoner(socket: string): Server {
  return createServer((asked, response) => {
    const { method, url, headers } = asked;
    const forwarded = request({ socketPath: socket, method, path: url, headers }, async (answer) => {
      const text = (await buffer(answer)).toString();
      const { 'content-length': _, 'transfer-encoding': __, ...rest } = answer.headers;
      response.writeHead(answer.statusCode ?? 500, rest);
      response.end(text.split('\n').map(poisonedLine).join('\n'));
    });
    forwarded.on('error', () => response.destroy());
    asked.pipe(forwarded);
  });
}

function poisonedLine(line: string): string {
  try {
    return JSON.stringify(poisoned(JSON.parse(line)));
  } catch {
    return line;
  }
}

/** Without the colours and movements of our own, and the ends of lines as terminals have them. */
const withoutOurs = (output: string) =>
  output.replace(/\x1b\[(\d*[ABHJK]|[\d;]*m)|\r?\n|\r(?=\x1b|$)/g, ' ').replaceAll(/\t|\r/g, ' ');

const hasRaw = /\x1b\]|\u0007|\u009b|\u007f|\u202e/;

describe('names from elsewhere in a terminal', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-hostile-'));
  const socket = join(directory, 'engine.sock');
  const host = `unix://${socket}`;
  let engine: FakeEngine;
  let front: Server;
  before(async () => {
    engine = await FakeEngine.start(answers);
    front = poisoner(engine.host.slice('unix://'.length));
    await new Promise<void>((resolve) => front.listen(socket, resolve));
  });
  after(async () => {
    front.closeAllConnections();
    front.close();
    await engine.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  const inTerminal = async (args: readonly string[]) =>
    (await runCausewayInTerminal(args, { host, rows: 50, columns: 500, when: [] })).output;

  // The output of containers is theirs.
  const own = new Set(['logs', 'exec', 'attach', 'load']);
  const cases = [...lists, ...actions].filter(
    (words) => !own.has(words[0]!) && !words.includes('-it') && !/^\S+ prune( -a)?$/.test(words.join(' ')),
  );
  const spelled: string[] = [];
  it('obeys none of them', { timeout: 600_000 }, async () => {
    const waiting = [...cases];
    const work = async () => {
      for (let args = waiting.shift(); args; args = waiting.shift()) {
        const output = await inTerminal(args);
        assert.doesNotMatch(withoutOurs(output), hasRaw, args.join(' '));
        if (output.includes(SPELLED)) spelled.push(args.join(' '));
      }
    };
    await Promise.all([work(), work(), work()]);
    for (const expected of ['ps', 'images', 'network ls', 'history busybox', 'top web', 'pull broken'])
      assert.ok(spelled.includes(expected), `${expected} showed none`);
    assert.ok(spelled.length > cases.length / 3, `only ${spelled.length} of ${cases.length} showed any`);
  });

  it('a table keeps its columns and lines whatever its cells hold', async () => {
    const plain = await FakeEngine.start({
      'GET /volumes': { Volumes: [{ Name: 'a\nb\tc', Driver: 'local' }], Warnings: [] },
    });
    try {
      const { output } = await runCausewayInTerminal(['volume', 'ls'], {
        host: plain.host,
        rows: 50,
        columns: 200,
        when: [],
      });
      assert.equal(output.replaceAll('\r', ''), 'DRIVER    VOLUME NAME\nlocal     a\\u000ab\\u0009c\n');
    } finally {
      await plain.stop();
    }
  });

  it("what the user writes in a template is the user's", async () => {
    for (const [template, expected] of [
      ['\x1b[1m{{.Name}}\x1b[0m', `\x1b[1mbridge${SPELLED}\x1b[0m`],
      ['{{"\\u001b[1m"}}{{.Name}}', `\x1b[1mbridge${SPELLED}`],
      ['{{println .Name}}', `bridge${SPELLED}\n`],
    ] as const) {
      const output = await inTerminal(['network', 'ls', '--format', template]);
      assert.equal(output.replaceAll('\r', '').split('\n')[0], expected.split('\n')[0]);
    }
  });

  it('a pipe gets what was said', async () => {
    const { stdout } = await runCausewayClient(['network', 'ls', '--format', '{{.Name}}'], { host });
    assert.ok(stdout.startsWith(`bridge${POISON}\n`), JSON.stringify(stdout));
  });

  it('contexts of others, and what is wrong with them, are spelled out', async () => {
    const home = join(directory, 'home');
    const name = 'far';
    const meta = join(home, '.docker/contexts/meta', createHash('sha256').update(name).digest('hex'));
    mkdirSync(meta, { recursive: true });
    const context = {
      Name: `far${POISON}`,
      Metadata: { Description: `of${POISON}` },
      Endpoints: { docker: { Host: `tcp://x${POISON}` } },
    };
    writeFileSync(join(meta, 'meta.json'), JSON.stringify(context));
    for (const args of [
      ['context', 'ls'],
      ['context', 'ls', '-q'],
      ['--context', name, 'ps'],
      ['--context', `x${POISON}`, 'ps'],
    ]) {
      const { output } = await runCausewayInTerminal(args, { host: '', rows: 50, columns: 500, when: [], home });
      assert.doesNotMatch(withoutOurs(output), hasRaw, args.join(' '));
      assert.match(output, /\\u001b/, args.join(' '));
    }
  });
});

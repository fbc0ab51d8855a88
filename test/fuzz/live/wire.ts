/**
 * Bytes on the API's socket: requests that are none, bodies that never end, streams of attach and exec with noise in
 * them.
 */
import { connect } from 'node:net';
import { faultOfSentence, type Input } from '../campaign.ts';
import { mutateText } from '../mutate.ts';
import type { Random } from '../random.ts';
import type { LiveTarget } from './live-target.ts';
import type { World } from './world.ts';

const REQUESTS = [
  'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\n\r\nGET /info HTTP/1.0\r\n\r\n',
  'POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
  'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n{"Image":"busybox"}x',
  'PUT /containers/busy/archive?path=/v HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: 512\r\n\r\nabc',
  'HEAD /containers/busy/archive?path=/etc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET http://docker/v1.44/info HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  'POST /containers/busy/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
];
const WORDS = [
  '\r\n',
  '\n',
  '\0',
  'Content-Length: -1\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'ffffffff\r\n',
  '0\r\n\r\n',
  '%00',
  '%',
  '/../',
  'HTTP/9.9',
  'GET ',
  ' ',
  '\t',
  ':',
  `X: ${'y'.repeat(9000)}\r\n`,
  'Upgrade: tcp\r\n',
  'Expect: 100-continue\r\n',
];

interface Dialogue {
  readonly pieces: readonly string[]; // latin1
  /** What the client does when all is sent. */
  readonly atEnd: 'end' | 'cut' | 'wait';
}

function dialogue(random: Random, text: string): Dialogue {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const size = random.once(3) ? 1 + random.below(7) : text.length;
    pieces.push(text.slice(at, at + size));
    at += size;
    if (pieces.length > 40) return { pieces: [...pieces, text.slice(at)], atEnd: 'end' };
  }
  return { pieces, atEnd: random.pick(['end', 'cut', 'wait'] as const) };
}

/** What came back until the server closed, a moment passed, or the client left. */
function talk(world: World, { pieces, atEnd }: Dialogue): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path: world.engine.socket, allowHalfOpen: true });
    let received = '';
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(received);
    };
    const timer = setTimeout(done, 300);
    socket.on('data', (chunk: Buffer) => {
      if (received.length < 20_000) received += chunk.toString('latin1');
    });
    socket.on('end', done);
    socket.on('error', done);
    for (const piece of pieces) socket.write(Buffer.from(piece, 'latin1'));
    if (atEnd === 'end') socket.end();
    if (atEnd === 'cut') socket.once('connect', () => setImmediate(done));
  });
}

async function send(input: Input, world: World): Promise<string | undefined> {
  const said = (input as { json: Dialogue }).json;
  const received = await talk(world, said);
  const given = said.pieces.join('');
  const message = /HTTP\/1\.[01] [45]\d\d [^]*?\r\n\r\n([^]*)$/.exec(received)?.[1];
  return message === undefined ? undefined : faultOfSentence(message, given);
}

export const rawTarget: LiveTarget = {
  name: 'engine: bytes that are HTTP or not',
  parallel: 8,
  make: (random) => ({ json: dialogue(random, mutateText(random, REQUESTS, WORDS)) }),
  send,
};

const ATTACH = [
  'attach?stream=1&stdin=1&stdout=1&stderr=1&logs=1',
  'attach?stream=1&stdin=1&detachKeys=ctrl-a',
  'attach?logs=1&stdout=1',
];

export const streamTarget: LiveTarget = {
  name: 'engine: hijacked streams',
  parallel: 6,
  make(random, world) {
    const head = 'HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';
    const noise = random
      .list(10, () => random.bytes(random.length(3000)).toString('latin1'))
      .join('\x01\0\0\0\0\0\0\x05');
    const exec = world.names.execs.at(-1);
    const start =
      exec !== undefined && random.once(2)
        ? `POST /exec/${exec}/start ${head}Content-Type: application/json\r\nContent-Length: 27\r\n\r\n{"Detach":false,"Tty":true}`
        : `POST /containers/${random.pick(world.names.containers)}/${random.pick(ATTACH)} ${head}\r\n`;
    return { json: dialogue(random, start + noise) };
  },
  send,
};

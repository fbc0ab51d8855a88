/**
 * What a Node process holds once its garbage has been collected and freed memory given back: node heap-reader.mjs PORT,
 * in the network of a process whose inspector listens at 127.0.0.1:PORT. One line on stdout: process.memoryUsage() as
 * JSON. Node 20 has no client of WebSockets, so the few frames that are needed are made here.
 */
import { get } from 'node:http';

const TARGET = `http://127.0.0.1:${process.argv[2]}/json/list`;
const TIMEOUT_MS = 60_000;

function fetchTarget() {
  return new Promise((resolve, reject) => {
    get(TARGET, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => resolve(new URL(JSON.parse(text)[0].webSocketDebuggerUrl)));
    }).on('error', reject);
  });
}

function openSocket(url) {
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16, 1).toString('base64'),
    };
    get({ host: '127.0.0.1', port: url.port, path: url.pathname, headers, agent: false })
      .on('upgrade', (response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      })
      .on('error', reject);
  });
}

/** A text frame of less than 64 KiB, masked with zeroes. */
function frame(text) {
  const data = Buffer.from(text);
  const size = data.length < 126 ? [0x80 | data.length] : [0x80 | 126, data.length >> 8, data.length & 255];
  return Buffer.concat([Buffer.from([0x81, ...size, 0, 0, 0, 0]), data]);
}

/** The texts of whole frames in `data`, and what is left over. */
function unframe(data) {
  const texts = [];
  for (;;) {
    if (data.length < 2) return { texts, rest: data };
    const short = data[1] & 127;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (data.length < start) return { texts, rest: data };
    const size = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
    if (data.length < start + size) return { texts, rest: data };
    texts.push(data.subarray(start, start + size).toString());
    data = data.subarray(start + size);
  }
}

setTimeout(() => process.exit(3), TIMEOUT_MS).unref();
const socket = await openSocket(await fetchTarget());
const waiting = new Map();
let received = Buffer.alloc(0);
socket.on('data', (part) => {
  const { texts, rest } = unframe(Buffer.concat([received, part]));
  received = rest;
  for (const text of texts) {
    const message = JSON.parse(text);
    waiting.get(message.id)?.(message);
  }
});
let next = 0;
const ask = (method, params = {}) =>
  new Promise((resolve) => {
    waiting.set(++next, resolve);
    socket.write(frame(JSON.stringify({ id: next, method, params })));
  });

/** What was freed and is kept for later by the C library is nobody's. */
const KOFFI = new URL('../../node_modules/koffi', import.meta.url).pathname;
const TRIM = `require(${JSON.stringify(KOFFI)}).load('libc.so.6').func('int malloc_trim(size_t)')(0)`;

// What a finalizer lets go of is garbage only at the second collection.
await ask('HeapProfiler.collectGarbage');
await ask('Runtime.evaluate', { expression: 'new Promise((resolve) => setTimeout(resolve, 50))', awaitPromise: true });
await ask('HeapProfiler.collectGarbage');
const trimmed = await ask('Runtime.evaluate', { expression: TRIM, includeCommandLineAPI: true });
if (trimmed.result.exceptionDetails) throw new Error(trimmed.result.exceptionDetails.exception.description);
const said = await ask('Runtime.evaluate', {
  expression: 'JSON.stringify(process.memoryUsage())',
  returnByValue: true,
});
process.stdout.write(`${said.result.result.value}\n`, () => process.exit(0));

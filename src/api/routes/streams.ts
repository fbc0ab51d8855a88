/** Attach, logs and stats: answers that go on while the container does. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, invalid } from '../../base/errors.ts';
import { runSession } from '../attached-stream.ts';
import type { Call } from '../call.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { expectHijack, hijack } from '../hijack.ts';
import { toStatsJson, type StatsSample } from '../map/stats-json.ts';
import type { RouteTable } from '../route-table.ts';
import { frame, writeFrame, writeRaw } from '../stdcopy.ts';
import { formatLogTime, parseTimestampNs } from '../timestamps.ts';
import { OPCODE } from '../websocket/frames.ts';
import { openWebsocket, writeMessage, type WebsocketConnection } from '../websocket/websocket-connection.ts';
import type { LogFrame, LogQuery } from '../../model/streams.ts';

const RAW = 'application/vnd.docker.raw-stream';
const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';
const STATS_INTERVAL_MS = 1000;

export function addStreamRoutes(routes: RouteTable): void {
  routes.add('POST', '/containers/:name/attach', attachContainer);
  routes.add('GET', '/containers/:name/attach/ws', attachByWebsocket);
  routes.add('GET', '/containers/:name/logs', containerLogs);
  routes.add('GET', '/containers/:name/stats', containerStats);
}

/** Multiplexed output has had a name of its own since 1.42. */
export function streamType(call: Call, tty: boolean): string {
  return tty || call.olderThan('1.42') ? RAW : MULTIPLEXED;
}

async function attachContainer(call: Call): Promise<void> {
  const { query } = call;
  const detachKeys = parseDetachKeys(query.text('detachKeys'), 'detach');
  const options = { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr') };
  expectHijack(call);
  const session = await call.backend.streams.attach(call.name, {
    ...options,
    stream: query.flag('stream'),
    logs: query.flag('logs'),
  });
  if (call.request.socket.destroyed) return session.detach();
  const connection = hijack(call, streamType(call, session.tty));
  await runSession(
    connection,
    session,
    { ...options, write: session.tty ? writeRaw : writeFrame, detachKeys },
    call.log,
  );
}

/** Raw output of both streams in messages; a message of the client is input. */
async function attachByWebsocket(call: Call): Promise<void> {
  const { query } = call;
  const detachKeys = parseDetachKeys(query.text('detachKeys'), 'detach');
  const all = call.olderThan('1.42'); // Docker asks which streams only since then
  const options = {
    stdin: all || query.flag('stdin'),
    stdout: all || query.flag('stdout'),
    stderr: all || query.flag('stderr'),
  };
  const wanted = { ...options, stream: query.flag('stream'), logs: query.flag('logs') };
  const session = await call.backend.streams.attach(call.name, wanted);
  let connection: WebsocketConnection;
  try {
    if (call.request.socket.destroyed) return session.detach();
    connection = openWebsocket(call);
  } catch (error) {
    session.detach();
    throw error;
  }
  const opcode = call.olderThan('1.28') ? OPCODE.text : OPCODE.binary;
  const write = (socket: Socket, _: unknown, data: Buffer) => writeMessage(socket, opcode, data);
  const ends = { endsWithInput: true, farewell: () => connection.farewell() };
  await runSession(connection, session, { ...options, ...ends, write, detachKeys }, call.log);
}

async function containerLogs(call: Call): Promise<void> {
  const { query } = call;
  const stdout = query.flag('stdout');
  const stderr = query.flag('stderr');
  if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream');
  const options: LogQuery = {
    stdout,
    stderr,
    follow: query.flag('follow'),
    tail: tailLines(query.text('tail')),
    sinceNs: parseTimestampNs(query.text('since'), 'since'),
    untilNs: parseTimestampNs(query.text('until'), 'until'),
  };
  const { tty, frames } = await call.backend.streams.logs(call.name, options, call.signal);
  call.startStream(streamType(call, tty));
  try {
    const shown = { tty, timestamps: query.flag('timestamps'), details: query.flag('details') };
    for await (const lines of frames) {
      const asked = lines.filter(({ stream }) => (stream === 'stdout' ? stdout : stderr));
      if (asked.length > 0) await call.write(Buffer.concat(asked.map((line) => encodeLogLine(line, shown))));
      if (call.signal.aborted) break;
    }
  } catch (error) {
    const sentence = Buffer.from(`Error grabbing logs: ${errorMessage(error)}\n`);
    if (!call.signal.aborted) await call.write(tty ? sentence : frame('system', sentence));
  }
  call.response.end();
}

function tailLines(text: string): number {
  if (!/^\d+$/.test(text)) return -1; // 'all', and what Docker cannot read either
  return Number(text);
}

function encodeLogLine(
  line: LogFrame,
  { tty, timestamps, details }: { tty: boolean; timestamps: boolean; details: boolean },
): Buffer {
  const before = `${timestamps ? `${formatLogTime(line.timeNs)} ` : ''}${details ? `${encodeDetails(line.attrs)} ` : ''}`;
  const data = before === '' ? line.data : Buffer.concat([Buffer.from(before), line.data]);
  return tty ? data : frame(line.stream, data);
}

/** 'key=value,key=value', each as in a query, in the order of the keys. */
function encodeDetails(attrs: LogFrame['attrs'] = {}): string {
  const escape = (text: string): string =>
    encodeURIComponent(text)
      .replace(/%20/g, '+')
      .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return Object.entries(attrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${escape(key)}=${escape(value)}`)
    .join(',');
}

async function containerStats(call: Call): Promise<void> {
  const stream = call.query.flag('stream', true);
  const oneShot = call.query.flag('one-shot');
  const first = await call.backend.containers.stats(call.name);
  if (!stream) {
    if (oneShot || first.stats === null) return call.reply(200, toStatsJson(first, null));
    await pause(call);
    if (call.signal.aborted) return;
    return call.reply(200, toStatsJson(await call.backend.containers.stats(call.name), first.stats));
  }
  call.startStream('application/json');
  let previous: StatsSample['stats'] = null;
  let sample: StatsSample = first;
  while (!call.signal.aborted) {
    await call.write(`${JSON.stringify(call.shape(toStatsJson(sample, previous)))}\n`);
    previous = sample.stats;
    await pause(call);
    try {
      if (!call.signal.aborted) sample = await call.backend.containers.stats(call.name);
    } catch {
      break; // removed meanwhile
    }
  }
  call.response.end();
}

async function pause(call: Call): Promise<void> {
  await sleep(STATS_INTERVAL_MS, undefined, { signal: call.signal }).catch(() => {});
}

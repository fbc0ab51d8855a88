/**
 * Carries a session's output to a hijacked connection and the client's input to the session, each at the pace of
 * its reader. Ends when the output ends, the client is gone, or it typed the detach keys.
 */
import type { Socket } from 'node:net';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { AttachSession } from './backend/stream.ts';
import { DetachScanner } from './detach-keys.ts';
import { endConnection } from './end-connection.ts';
import type { HijackedConnection } from './hijack.ts';
import type { OutputFrame } from '../model/streams.ts';

export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Writes output as the client was told that it comes; false when the socket wants to rest. */
  readonly write: (socket: Socket, stream: OutputFrame['stream'], data: Buffer) => boolean;
  /** With the client's input, the session ends: it has said that it wants no more. */
  readonly endsWithInput?: boolean;
  /** What is sent last. */
  readonly farewell?: () => Buffer;
  readonly detachKeys: Buffer;
}

export async function runSession(
  connection: HijackedConnection,
  session: AttachSession,
  options: StreamOptions,
  log: Log,
): Promise<void> {
  const { socket } = connection;
  if (socket.destroyed) return session.detach();
  const departure: Departure = { over: false, wake: () => {} };
  const detach = () => {
    if (departure.over) return;
    departure.over = true;
    departure.wake();
    session.detach();
  };
  socket.once('close', detach);
  let forget = () => {};
  void pumpInput(connection, session, options, detach)
    // Not before: a client that sends and leaves at once has its input delivered.
    .finally(() => {
      if (!departure.over) forget = connection.whenGone(detach);
    })
    .catch((error: unknown) => {
      log.debug({ error: errorMessage(error) }, 'stdin of a session failed');
    });
  try {
    await unlessLeft(connection.headTaken(), departure);
    await pumpOutput(socket, session, options, departure);
  } catch (error) {
    log.warn({ error: errorMessage(error) }, 'output of a session failed');
  } finally {
    socket.off('close', detach);
    detach();
    forget();
    await endConnection(connection, options.farewell?.());
  }
}

/** The end of a session from the client's side. */
interface Departure {
  over: boolean;
  wake: () => void;
}

/**
 * What a promise gives; undefined once the client has left. No Promise.race with one promise that stands for that: such
 * a promise holds on to whatever was raced with it, here all output that ever went through the session.
 */
function unlessLeft<T>(promise: Promise<T>, departure: Departure): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    departure.wake = () => resolve(undefined);
    promise.then(resolve, reject);
    if (departure.over) resolve(undefined);
  });
}

async function pumpOutput(
  socket: Socket,
  session: AttachSession,
  options: StreamOptions,
  departure: Departure,
): Promise<void> {
  const frames = session.output[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessLeft(frames.next(), departure);
      if (!next || next.done || socket.destroyed) return;
      const { stream, data } = next.value;
      if (data.length === 0 || !(stream === 'stdout' ? options.stdout : options.stderr)) continue;
      const more = options.write(socket, stream, data);
      if (!more) await drained(socket);
    }
  } finally {
    // Lets go of the log file that it may be in the middle of. Not waited for: detaching, which comes next, ends what
    // it waits for.
    void frames.return?.().catch(() => {});
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    if (socket.destroyed) return done();
    socket.on('drain', done);
    socket.on('close', done);
  });
}

async function pumpInput(
  connection: HijackedConnection,
  session: AttachSession,
  options: StreamOptions,
  detach: () => void,
): Promise<void> {
  if (!options.stdin && !options.endsWithInput) {
    connection.input.discard();
    return;
  }
  const scanner = session.tty ? new DetachScanner(options.detachKeys) : undefined;
  for await (const chunk of connection.input) {
    if (!options.stdin) continue;
    const { data, detached } = scanner ? scanner.scan(chunk) : { data: chunk, detached: false };
    if (data.length > 0) await session.writeStdin(data);
    if (detached) {
      detach();
      return;
    }
  }
  const rest = scanner?.rest();
  if (rest && rest.length > 0) await session.writeStdin(rest);
  // Docker: the end of input is the process's end of input for `docker run -i` and exec; on a terminal, or where
  // others may attach later, it ends only this session.
  if (options.stdin && !session.tty && session.stdinOnce !== false) await session.closeStdin();
  else detach();
  if (options.endsWithInput) detach();
}

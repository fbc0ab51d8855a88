/** A websocket as a session's connection: what comes in frames is input, output goes out in frames. */
import type { Socket } from 'node:net';
import type { Call } from '../call.ts';
import { ownHeaders, takeOver, type HijackedConnection } from '../hijack.ts';
import type { SessionInput } from '../socket-input.ts';
import { CLOSE_CODE, closeFrame, controlFrame, FrameReader, frameHeader, FrameViolation, OPCODE } from './frames.ts';
import { acceptWebsocket } from './handshake.ts';

/** A client that sends pings and does not read: with more than this unread it gets no answers to them. */
const MAX_WAITING_BYTES = 64 * 1024;

export interface WebsocketConnection extends HijackedConnection {
  /** The last frame: why it ends. */
  farewell(): Buffer;
}

/** Answers 101 and takes the socket over. @throws invalid where the request asks for no websocket */
export function openWebsocket(call: Call): WebsocketConnection {
  const lines = acceptWebsocket(call.request);
  const connection = takeOver(call, `HTTP/1.1 101 Switching Protocols\r\n${lines}${ownHeaders(call)}\r\n`);
  const input = new WebsocketInput(connection);
  return {
    socket: connection.socket,
    input,
    headTaken: () => connection.headTaken(),
    whenGone: (gone) => connection.whenGone(gone),
    farewell: () => closeFrame(input.violated ? CLOSE_CODE.violation : CLOSE_CODE.normal),
  };
}

class WebsocketInput implements SessionInput {
  readonly #connection: HijackedConnection;
  readonly #frames = new FrameReader();
  violated = false;

  constructor(connection: HijackedConnection) {
    this.#connection = connection;
  }

  discard(): void {
    this.#connection.input.discard();
  }

  /** Ends with the client's half of the connection, its close frame, or what is no frame. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const { socket, input } = this.#connection;
    try {
      for await (const chunk of input) {
        for (const frame of this.#frames.read(chunk)) {
          if (frame.kind === 'close') return;
          if (frame.kind === 'data') yield frame.data;
          else if (socket.writableLength < MAX_WAITING_BYTES) socket.write(controlFrame(OPCODE.pong, frame.payload));
        }
      }
    } catch (error) {
      if (!(error instanceof FrameViolation)) throw error;
      this.violated = true;
    }
  }
}

/** Writes output as one message; false when the writer wants to rest. */
export function writeMessage(socket: Socket, opcode: number, data: Buffer): boolean {
  socket.cork();
  socket.write(frameHeader(opcode, data.length));
  const more = socket.write(data);
  process.nextTick(() => socket.uncork());
  return more;
}

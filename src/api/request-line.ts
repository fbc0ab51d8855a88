/**
 * One request at a time on a connection. Node hands over each request as soon as it is parsed, thousands from one piece
 * of input; a client that sends them without waiting gets its answers in that order anyhow, so the next one begins when
 * the answer before it is complete. What still waits when the client goes never begins.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { IdleConnections } from './idle-connections.ts';

/**
 * When more requests than this wait, nothing is read until they are fewer. Few enough wait otherwise that the client's
 * going is noticed at once.
 */
const MAX_WAITING = 8;

const lines = new WeakMap<Socket, RequestLine>();

/**
 * A listener for 'request' that calls `serve` once for each, never again on a connection before the response is closed.
 */
export function oneAtATime(serve: RequestListener, idle: IdleConnections): RequestListener {
  return (request, response) => {
    const { socket } = request;
    let line = lines.get(socket);
    if (!line) lines.set(socket, (line = new RequestLine(socket, serve, idle)));
    line.add(request, response);
  };
}

/**
 * The connection speaks HTTP no longer: what was taken for further requests is forgotten, and no longer keeps the
 * socket from being read.
 */
export function endRequests(socket: Socket): void {
  lines.get(socket)?.end();
}

class RequestLine {
  readonly #socket: Socket;
  readonly #serve: RequestListener;
  readonly #idle: IdleConnections;
  #waiting: [IncomingMessage, ServerResponse][] = [];
  #busy = false;
  #ended = false;
  #paused = false;

  constructor(socket: Socket, serve: RequestListener, idle: IdleConnections) {
    this.#socket = socket;
    this.#serve = serve;
    this.#idle = idle;
    // Node's parser resumes the socket behind each whole request.
    socket.on('resume', this.#holdBack);
    socket.once('close', () => this.end());
  }

  add(request: IncomingMessage, response: ServerResponse): void {
    if (this.#ended) return;
    if (!this.#busy) return this.#begin(request, response);
    this.#waiting.push([request, response]);
    this.#holdBack();
  }

  end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#socket.off('resume', this.#holdBack);
    if (!this.#paused || this.#socket.destroyed) return;
    // Answered at once, while Node's HTTP server still listens: it is what starts reading again, and a handler that
    // takes the socket over removes it.
    this.#socket.resume();
    this.#socket.emit('resume');
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    this.#busy = true;
    this.#idle.busy(this.#socket);
    response.once('close', this.#finished);
    this.#serve(request, response);
  }

  readonly #finished = (): void => {
    if (this.#waiting.length === 0) {
      this.#busy = false;
      if (!this.#ended) this.#idle.idle(this.#socket);
    } else if (this.#waiting.length <= MAX_WAITING) this.#next();
    else setImmediate(this.#next); // other connections have their turns between
  };

  readonly #next = (): void => {
    // An answer that could not be sent shows that the client has gone, though no end was read.
    if (!this.#socket.writable) this.end();
    const next = this.#waiting.shift();
    if (!next) return;
    this.#begin(...next);
    if (!this.#paused || this.#waiting.length > MAX_WAITING) return;
    this.#paused = false;
    this.#socket.resume();
  };

  readonly #holdBack = (): void => {
    if (this.#waiting.length <= MAX_WAITING) return;
    this.#paused = true;
    this.#socket.pause();
  };
}

/** The engine's API, spoken directly: the time of its replies is what names are measured by. */
import { Agent, request } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** The daemon died before it replied. */
export class Cut extends Error {}

export class Api {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  call(method: string, path: string, body?: unknown): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers =
        body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
      const call = request(
        { socketPath: this.#socketPath, agent: this.#agent, method, path: `/v1.47${path}`, headers },
        (response) => {
          let answer = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (answer += chunk));
          response.on('error', (error) => reject(new Cut(error.message)));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: answer === '' ? undefined : (JSON.parse(answer) as unknown),
            }),
          );
        },
      );
      call.on('error', (error) => reject(new Cut(error.message)));
      call.end(text);
    });
  }

  async ok(method: string, path: string, body?: unknown): Promise<unknown> {
    const reply = await this.call(method, path, body);
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Calls of the API with bodies of any kind, that end when the daemon dies. */
import { Agent, request } from 'node:http';

export interface Reply {
  /** 0: the daemon died before it had replied whole. */
  readonly status: number;
  readonly body: string;
}

export class Caller {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: false });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  call(method: string, path: string, body?: object | Buffer): Promise<Reply> {
    const bytes =
      body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const headers =
      body === undefined
        ? {}
        : {
            'Content-Type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json',
            'Content-Length': bytes.length,
          };
    return new Promise((resolve) => {
      let answer = '';
      const cut = (): void => resolve({ status: 0, body: answer });
      const call = request(
        { socketPath: this.#socketPath, agent: this.#agent, method, path: `/v1.47${path}`, headers },
        (response) => {
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (answer += chunk));
          response.on('error', cut);
          response.on('end', () =>
            resolve({ status: response.complete ? (response.statusCode ?? 0) : 0, body: answer }),
          );
        },
      );
      call.on('error', cut);
      call.end(bytes);
    });
  }

  /** The same, which must succeed. */
  async ok(method: string, path: string, body?: object | Buffer): Promise<string> {
    const reply = await this.call(method, path, body);
    if (reply.status < 200 || reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.body}`);
    return reply.body;
  }

  async json(method: string, path: string, body?: object): Promise<unknown> {
    return JSON.parse(await this.ok(method, path, body)) as unknown;
  }

  async quietly(method: string, path: string): Promise<void> {
    await this.call(method, path);
  }
}

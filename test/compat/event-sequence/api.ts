/** Requests to an engine's socket, and its events. Errors are answers: what an engine refuses is part of a sequence. */
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const VERSION = '/v1.51';

export interface Event {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
  readonly timeNano: number;
}

export class Api {
  readonly #socketPath: string;
  #rootfs: Buffer | undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The body of the answer, whatever its status. */
  send(method: string, path: string, body: string | Buffer = '', type = 'application/json'): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const headers = body === '' ? {} : { 'Content-Type': type };
      const options = { socketPath: this.#socketPath, method, path: VERSION + encodeURI(path), headers, agent: false };
      const call = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve(Buffer.concat(chunks)));
      });
      // attach and exec answer by another protocol, which is the answer's body here
      call.on('upgrade', (_response, socket) => socket.on('close', () => resolve(Buffer.alloc(0))).resume());
      call.on('error', reject);
      call.end(body);
    });
  }

  async json(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.send(method, path, body === undefined ? '' : JSON.stringify(body));
    const text = answer.toString();
    return text.startsWith('{') ? JSON.parse(text) : text;
  }

  /** Until an answer matches; fails after half a minute. */
  async until(path: string, ...patterns: readonly RegExp[]): Promise<void> {
    let text = '';
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(20)) {
      text = (await this.send('GET', path)).toString();
      if (patterns.every((pattern) => pattern.test(text))) return;
    }
    throw new Error(`${path} never said ${patterns.join(' ')}: ${text}`);
  }

  /** A file system of busybox, as a tar. */
  rootfs(): Buffer {
    this.#rootfs ??= packRootfs();
    return this.#rootfs;
  }

  /** Hands each event to `each` until `close`; resolves when the engine listens. */
  listen(each: (event: Event) => void): Promise<{ close(): void }> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.#socketPath, path: `${VERSION}/events`, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const lines = (text + chunk).split('\n');
          text = lines.pop()!;
          for (const line of lines) if (line.trim() !== '') each(JSON.parse(line) as Event);
        });
        response.on('error', () => {});
        resolve({ close: () => void call.destroy() });
      });
      call.on('error', reject);
      call.end();
    });
  }
}

function packRootfs(): Buffer {
  const script = [
    'root=$(mktemp -d); trap \'rm -rf "$root"\' EXIT',
    'mkdir -p "$root"/bin "$root"/etc "$root"/tmp "$root"/proc "$root"/sys "$root"/dev',
    'cp "$(command -v busybox)" "$root/bin/busybox"',
    'for name in sh sleep true false tail touch test; do ln -s busybox "$root/bin/$name"; done',
    'tar -C "$root" -c .',
  ].join('\n');
  const packed = spawnSync('sh', ['-ec', script], { maxBuffer: 2 ** 26 });
  if (packed.status !== 0) throw new Error(`no file system of busybox: ${packed.stderr.toString()}`);
  return packed.stdout;
}

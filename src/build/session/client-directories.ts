/** What one build reads of its client's machine: the Dockerfile, what is to be left out, and the contexts. */
import { errorKind, invalid } from '../../base/errors.ts';
import { readTextFile } from '../../image/trees/context-files.ts';
import type { BuildClient } from '../../model/build-client.ts';
import type { SolveWatch } from '../../model/build-watch.ts';
import { ignoreLines } from '../../base/ignore-patterns.ts';
import { MAX_DOCKERFILE_BYTES } from '../dockerfile/limits.ts';
import type { ContextDirectory, KeptContexts } from './kept-contexts.ts';
import { receiveFiles } from './receive-files.ts';

export interface DockerfileText {
  readonly text: string;
  /** Of the file beside it, whose lines count instead of .dockerignore's. */
  readonly ignored: string | undefined;
}

export class ClientDirectories {
  readonly #client: BuildClient;
  readonly #kept: KeptContexts;
  readonly #watch: SolveWatch;
  readonly #signal: AbortSignal;
  readonly #taken: ContextDirectory[] = [];

  constructor(client: BuildClient, kept: KeptContexts, watch: SolveWatch, signal: AbortSignal) {
    this.#client = client;
    this.#kept = kept;
    this.#watch = watch;
    this.#signal = signal;
  }

  /** @throws invalid in BuildKit's words where there is none */
  async dockerfile(directory: string, filename: string): Promise<DockerfileText> {
    const lower = filename.replace(/(^|\/)Dockerfile$/, '$1dockerfile');
    const follow = [...new Set([filename, `${filename}.dockerignore`, lower])];
    return await this.#reading(`load build definition from ${filename}`, directory, follow, async (path) => {
      const text = (await this.#file(path, filename)) ?? (await this.#file(path, lower));
      if (text === undefined)
        throw invalid(`failed to read dockerfile: open ${filename.replace(/^.*\//, '')}: no such file or directory`);
      return { text, ignored: await this.#file(path, `${filename}.dockerignore`) };
    });
  }

  /** The patterns of what is to be left out of a context. */
  async ignored(directory: string): Promise<string[]> {
    const text = await this.#reading('load .dockerignore', directory, ['.dockerignore'], (path) =>
      this.#file(path, '.dockerignore'),
    );
    return text === undefined ? [] : ignoreLines(text);
  }

  /** The directory itself; it is there until `release`. */
  async context(directory: string, title: string, exclude: readonly string[]): Promise<string> {
    const key = this.#client.sharedKey === '' ? '' : JSON.stringify([directory, this.#client.sharedKey]);
    const taken = await this.#transfer(title, directory, key, { follow: [], exclude }, undefined);
    this.#taken.push(taken);
    return taken.path;
  }

  async release(): Promise<void> {
    for (const taken of this.#taken.splice(0)) await taken.release();
  }

  async #file(path: string, name: string): Promise<string | undefined> {
    try {
      return await readTextFile(path, name, MAX_DOCKERFILE_BYTES);
    } catch (error) {
      if (errorKind(error) === 'notFound') return undefined;
      throw error;
    }
  }

  async #reading<T>(
    title: string,
    directory: string,
    follow: readonly string[],
    read: (path: string) => Promise<T>,
  ): Promise<T> {
    const taken = await this.#transfer(title, directory, '', { follow, exclude: [] }, 4 * MAX_DOCKERFILE_BYTES);
    try {
      return await read(taken.path);
    } finally {
      await taken.release();
    }
  }

  async #transfer(
    title: string,
    directory: string,
    key: string,
    wanted: { readonly follow: readonly string[]; readonly exclude: readonly string[] },
    maxBytes: number | undefined,
  ): Promise<ContextDirectory> {
    const phase = this.#watch.phase(`[internal] ${title}`);
    const what = `transferring ${directory}:`;
    const signal = this.#signal;
    try {
      const taken = await this.#kept.take(key, async (path) => {
        const transfer = this.#client.openFiles({ directory, ...wanted }, signal);
        let received = 0;
        phase.status(what, 0, 0);
        await receiveFiles(transfer, path, {
          signal,
          ...(maxBytes === undefined ? {} : { maxBytes }),
          progress: (bytes) => phase.status(what, (received = bytes), 0),
        });
        phase.status(what, received, received);
        phase.done(what);
      });
      phase.end();
      return taken;
    } catch (error) {
      phase.end(error);
      throw error;
    }
  }
}

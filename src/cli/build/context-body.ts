/** What is sent for a build: the context as an archive, read while it is sent. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { readBounded } from '../../base/bounded-read.ts';
import { errorMessage } from '../../base/errors.ts';
import { IgnorePatterns } from '../../base/ignore-patterns.ts';
import { parseTarHeader, TAR_BLOCK } from '../../base/tar-headers.ts';
import { StatusError } from '../command/status-error.ts';
import { goFileError } from '../container/variable-file.ts';
import { contextArchive, fileArchive } from './context-archive.ts';
import type { SentDirectory } from './context-entries.ts';
import { isOutside, type ContextSource } from './context-source.ts';

/** The builder takes less. */
const MAX_DOCKERFILE_BYTES = 16 * 1024 * 1024;
/** What tells an archive from a Dockerfile. */
const HEAD_BYTES = 2 * TAR_BLOCK;

export interface ContextBody {
  /** None where the daemon fetches the context. */
  readonly pieces: Iterable<Buffer> | AsyncIterable<Buffer> | undefined;
  /** In the context; '' = the usual one. */
  readonly dockerfile: string;
  readonly remote: string;
  /** The text of a Dockerfile for a context that the daemon fetches. */
  readonly text: string | undefined;
  /** In place of `pieces`, for a daemon that asks for what it has not: without what is to be left out. */
  readonly asked: AskedContext | undefined;
}

export interface AskedContext extends SentDirectory {
  /** Reads the Dockerfile, which need not be in the directory. @throws StatusError */
  readonly dockerfileText: () => string;
}

/** `file`: the value of --file. @throws StatusError */
export async function openContext(source: ContextSource, file: string): Promise<ContextBody> {
  const plain = { remote: '', text: undefined, asked: undefined };
  switch (source.from) {
    case 'stdin':
      return { ...plain, ...(await stdinContext(file)) };
    case 'remote': {
      const text = file === '-' ? (await dockerfileFromStdin()).toString() : undefined;
      return { ...plain, pieces: undefined, dockerfile: text === undefined ? file : '', remote: source.address, text };
    }
    case 'directory': {
      const { directory, dockerfile } = source;
      const content =
        dockerfile === '-' ? await dockerfileFromStdin() : isOutside(dockerfile) ? readHere(file) : undefined;
      return { ...plain, ...directoryContext(directory, dockerfile, content) };
    }
  }
}

/** `content`: of a Dockerfile that is not in the directory; it goes along under a name that nothing else has. */
function directoryContext(directory: string, dockerfile: string, content: Buffer | undefined) {
  const own = content ? undefined : ignoreFile(directory, `${dockerfile}.dockerignore`);
  const general = ignoreFile(directory, '.dockerignore');
  const patterns = patternsOf((own ?? general)?.toString() ?? '');
  const asked = {
    directory,
    patterns,
    kept: [],
    dockerfileText: () => (content ?? readHere(join(directory, dockerfile))).toString(),
  };
  if (!content)
    return {
      asked,
      dockerfile,
      pieces: contextArchive({ directory, patterns, kept: ['.dockerignore', dockerfile], added: [] }),
    };
  const name = `.dockerfile.${randomBytes(10).toString('hex')}`;
  // The builder drops what this file names: the Dockerfile is not part of the context.
  const ignore = Buffer.from(`${general?.toString() ?? '.dockerignore'}\n${name}\n`);
  const added = [
    { name, content },
    { name: '.dockerignore', content: ignore },
  ];
  return { asked, dockerfile: name, pieces: contextArchive({ directory, patterns, kept: [], added }) };
}

/** A further context: what its own .dockerignore leaves out is not there. @throws StatusError */
export function namedDirectory(directory: string): SentDirectory {
  return { directory, patterns: patternsOf(ignoreFile(directory, '.dockerignore')?.toString() ?? ''), kept: [] };
}

function ignoreFile(directory: string, name: string): Buffer | undefined {
  const path = join(directory, name);
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EISDIR') throw new StatusError(`error reading .dockerignore: ${goFileError(error, 'read', path)}`);
    throw new StatusError(goFileError(error, 'open', path));
  }
}

function patternsOf(text: string): IgnorePatterns {
  try {
    return IgnorePatterns.ofFile(text);
  } catch (error) {
    throw new StatusError(`error checking context: ${errorMessage(error)}`);
  }
}

function readHere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StatusError(`unable to open Dockerfile: ${goFileError(error, 'open', file)}`);
  }
}

async function dockerfileFromStdin(): Promise<Buffer> {
  const content = await readBounded(process.stdin, MAX_DOCKERFILE_BYTES);
  if (content) return content;
  throw new StatusError(`the Dockerfile on standard input is larger than ${MAX_DOCKERFILE_BYTES} bytes`);
}

/** An archive, or a Dockerfile alone. */
async function stdinContext(file: string): Promise<Pick<ContextBody, 'pieces' | 'dockerfile'>> {
  const { head, rest } = await beginning(process.stdin);
  if (isArchive(head)) return { pieces: joined(head, rest), dockerfile: file };
  if (file !== '')
    throw new StatusError(
      'unable to prepare context: ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles',
    );
  const content = await readBounded(Readable.from(joined(head, rest), { objectMode: false }), MAX_DOCKERFILE_BYTES);
  if (!content) throw new StatusError(`the Dockerfile on standard input is larger than ${MAX_DOCKERFILE_BYTES} bytes`);
  return { pieces: fileArchive({ name: 'Dockerfile', content }), dockerfile: 'Dockerfile' };
}

async function beginning(stream: Readable): Promise<{ head: Buffer; rest: AsyncIterator<Buffer> }> {
  const rest = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await rest.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return { head, rest };
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** How compressed archives begin: gzip, bzip2, xz, zstd. */
const MAGIC = ['1f8b08', '425a68', 'fd377a585a00', '28b52ffd'];

function isArchive(head: Buffer): boolean {
  if (MAGIC.some((magic) => head.toString('hex', 0, magic.length / 2) === magic)) return true;
  if (head.length < TAR_BLOCK) return false;
  try {
    parseTarHeader(head.subarray(0, TAR_BLOCK));
    return true;
  } catch {
    return false;
  }
}

/** A context that comes as an archive, compressed or not, into a directory of the builder's. */
import type { Readable } from 'node:stream';
import { errorKind, errorMessage, invalid } from '../../base/errors.ts';
import { borrow } from '../../image/borrowed-stream.ts';
import { decompressStream } from '../../image/compression.ts';
import { extractTar } from '../../image/extract-tar.ts';
import { readTextFile, removeFile } from '../../image/trees/context-files.ts';
import { MAX_DOCKERFILE_BYTES } from '../dockerfile/limits.ts';
import { IgnorePatterns } from '../../base/ignore-patterns.ts';

/** Owners are root's: whoever made the archive has no accounts here. */
export async function receiveContext(body: Readable, directory: string, signal: AbortSignal): Promise<void> {
  const { stream } = await decompressStream(borrow(body));
  try {
    await extractTar(
      stream,
      { view: { root: directory }, into: '/', owner: { uid: 0, gid: 0 }, keepTarget: true },
      signal,
    );
  } catch (error) {
    if (errorKind(error) !== 'invalid') throw error;
    throw invalid(`Error processing tar file(exit status 1): ${errorMessage(error)}`, error);
  } finally {
    stream.destroy();
  }
}

/** The Dockerfile of a context; what `.dockerignore` leaves out of the context it is read before that. */
export async function readDockerfile(directory: string, path: string): Promise<string> {
  const name = path === '' ? 'Dockerfile' : path;
  const found =
    (await readTextFile(directory, name, MAX_DOCKERFILE_BYTES)) ??
    (path === '' ? await readTextFile(directory, 'dockerfile', MAX_DOCKERFILE_BYTES) : undefined);
  if (found === undefined) throw invalid(`Cannot locate specified Dockerfile: ${name}`);
  if (found === '') throw invalid(`the Dockerfile (${name}) cannot be empty`);
  await dropIgnored(directory, name);
  return found;
}

/** Clients send both even if they are to be left out: without them there would be no build. */
async function dropIgnored(directory: string, dockerfile: string): Promise<void> {
  const text = await readTextFile(directory, '.dockerignore', MAX_DOCKERFILE_BYTES);
  if (text === undefined) return;
  const patterns = IgnorePatterns.ofFile(text);
  for (const name of ['.dockerignore', dockerfile]) if (patterns.ignores(name)) removeFile(directory, name);
}

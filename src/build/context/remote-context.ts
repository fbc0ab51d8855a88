/** `remote`: a context from an address: an archive, a Dockerfile alone, or a git repository. */
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { invalid } from '../../base/errors.ts';
import { detectCompression } from '../../image/compression.ts';
import { MAX_DOCKERFILE_BYTES } from '../dockerfile/limits.ts';
import { fetchUrl, isUrl } from '../fetch-url.ts';
import { fetchRepository, repositoryOf } from './git-context.ts';
import { receiveContext } from './tar-context.ts';

/** Resolves to the text of a Dockerfile that came alone, without a context. */
export async function fetchContext(
  remote: string,
  directory: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return await fetchFrom(remote, directory, signal, async (file) => {
    if ((await stat(file)).size > MAX_DOCKERFILE_BYTES)
      throw invalid(`the Dockerfile is longer than ${MAX_DOCKERFILE_BYTES} bytes`);
    return await readFile(file, 'utf8');
  });
}

/** The same for a context that has a name: what is no archive is a file in it. */
export async function fetchNamedContext(remote: string, directory: string, signal: AbortSignal): Promise<void> {
  await fetchFrom(remote, directory, signal, (file) => rename(file, join(directory, basename(file))));
}

/** `single`: for a file that is no archive. */
async function fetchFrom<T>(
  remote: string,
  directory: string,
  signal: AbortSignal,
  single: (file: string) => Promise<T>,
): Promise<T | undefined> {
  const repository = repositoryOf(remote);
  if (repository) {
    await fetchRepository(repository, directory, signal);
    return undefined;
  }
  if (!isUrl(remote)) throw invalid(`remoteURL (${remote}) could not be recognized as URL`);
  const beside = await mkdtemp(join(dirname(directory), 'remote-'));
  try {
    const file = join(beside, await fetchUrl(remote, beside, '', signal));
    const head = Buffer.alloc(512);
    for await (const piece of createReadStream(file, { end: 511 }) as AsyncIterable<Buffer>) piece.copy(head);
    const isArchive = detectCompression(head) !== 'none' || head.toString('latin1', 257, 262) === 'ustar';
    if (isArchive) {
      await receiveContext(createReadStream(file), directory, signal);
      return undefined;
    }
    return await single(file);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

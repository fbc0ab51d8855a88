/** ADD of an address: fetched into a directory of the builder's, checked against its digest where one is given. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage, invalid, systemError } from '../base/errors.ts';

export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

const PATIENCE_MS = 5 * 60_000;

/** Resolves to the file's name. `checksum` '' = none. @throws invalid, systemError */
export async function fetchUrl(url: string, directory: string, checksum: string, signal: AbortSignal): Promise<string> {
  const wanted = checksum === '' ? undefined : readChecksum(checksum);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
  } catch (error) {
    throw systemError(`Get ${JSON.stringify(url)}: ${errorMessage((error as Error).cause ?? error)}`, error);
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel().catch(() => {}); // or the server goes on sending it
    throw systemError(`failed to GET ${url} with status ${response.status} ${response.statusText}: `);
  }
  const name = nameOf(url, response.headers.get('content-disposition'));
  const hash = createHash('sha256');
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const path = join(directory, name);
  await pipeline(
    Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
    measure,
    createWriteStream(path, { mode: 0o600, flags: 'wx' }),
    { signal },
  );
  const digest = hash.digest('hex');
  if (wanted !== undefined && digest !== wanted)
    throw invalid(`digest mismatch for ${url}: sha256:${digest} (expected: sha256:${wanted})`);
  // Without a date of its own it is of no time at all: two fetches of the same file are the same.
  const modified = Date.parse(response.headers.get('last-modified') ?? '');
  const time = new Date(Number.isNaN(modified) ? 0 : modified);
  await utimes(path, time, time);
  return name;
}

function readChecksum(text: string): string {
  const [, hex] = /^sha256:([0-9a-f]{64})$/i.exec(text) ?? [];
  if (hex === undefined) throw invalid(`invalid checksum digest format: ${text}: sha256:HEX is supported`);
  return hex.toLowerCase();
}

function nameOf(url: string, disposition: string | null): string {
  const { pathname } = new URL(url);
  const own = pathname.endsWith('/') ? '' : decodedName(posix.basename(pathname));
  const [, quoted, plain] = /filename=(?:"([^"/]+)"|([^;"/\s]+))/i.exec(disposition ?? '') ?? [];
  const name = own || (quoted ?? plain ?? '');
  const isTooLong = Buffer.byteLength(name) > 255;
  if (['', '.', '..'].includes(name) || name.includes('/') || name.includes('\0') || isTooLong) return '__unnamed__';
  return name;
}

function decodedName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

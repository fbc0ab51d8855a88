/** The files of an archive of images: read once, each waits as a blob until it is known what it is. */
import { posix } from 'node:path';
import { pipeline, Writable, type Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { CausewayError, invalid } from '../base/errors.ts';
import { parseJsonText } from '../base/json-text.ts';
import type { ImageReference } from '../model/image-reference.ts';
import { borrow } from './borrowed-stream.ts';
import { decompressStream } from './compression.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { Pins } from './pins.ts';
import { TarFilter } from './tar-filter.ts';

const MAX_FILES = 100_000;

/** The archive's files by name: where their content is. */
export class ArchiveFiles {
  readonly digests = new Map<string, string>();
  readonly links = new Map<string, string>();

  digest(name: string): string | undefined {
    let at = posix.normalize(name);
    for (let hops = 0; hops < 32; hops++) {
      const target = this.links.get(at);
      if (target === undefined) return this.digests.get(at);
      at = target;
    }
    return undefined;
  }

  get names(): IterableIterator<string> {
    return this.digests.keys();
  }

  need(name: string): string {
    const digest = this.digest(name);
    if (digest === undefined) throw invalid(`open ${name}: no such file or directory`);
    return digest;
  }
}

/** An image as an archive has it. */
export interface ArchivedImage {
  readonly config: Buffer;
  readonly manifest?: Buffer;
  /** Of the same archive. */
  readonly parent?: string;
  readonly layers: readonly string[]; // blobs
  readonly tags: readonly ImageReference[];
}

export async function readArchive(catalog: ImageCatalog, source: Readable, pins: Pins): Promise<ArchiveFiles> {
  const files = new ArchiveFiles();
  const { stream } = await decompressStream(borrow(source));
  const entries = extract();
  let count = 0;
  // An error of the source destroys the parser, and the loop below throws it.
  // The engine's own reader goes before it: the library would hold an extension header of any length.
  pipeline(stream, new TarFilter({ visit: () => undefined }), entries as unknown as Writable, () => {});
  try {
    for await (const entry of entries) {
      if (++count > MAX_FILES)
        throw invalid(`the archive holds more than ${MAX_FILES} files: an image has a few for each layer`);
      const name = posix.normalize(entry.header.name).replace(/^\/+/, '').replace(/\/$/, '');
      const { type, linkname } = entry.header;
      if (type === 'file' || type === 'contiguous-file') {
        const { digest } = await catalog.blobs.ingest(entry as unknown as AsyncIterable<Buffer>, pins.blobs);
        files.digests.set(name, digest);
        continue;
      }
      if (type === 'symlink' && linkname)
        files.links.set(name, posix.normalize(posix.join(posix.dirname(name), linkname)));
      if (type === 'link' && linkname) files.links.set(name, posix.normalize(linkname));
      entry.resume();
    }
  } catch (error) {
    stream.destroy();
    if (error instanceof CausewayError) throw error;
    const message = (error as Error).message;
    if (/Unexpected end|premature/i.test(message)) throw invalid('unexpected EOF', error);
    throw invalid(/Invalid tar header/i.test(message) ? 'archive/tar: invalid tar header' : message, error);
  }
  return files;
}

/** A file that must be JSON. @throws invalid, naming it */
export async function readJson(catalog: ImageCatalog, digest: string, what: string): Promise<unknown> {
  const text = (await catalog.blobs.read(digest)).toString(); // what fails here is no fault of the archive's
  try {
    return parseJsonText(text);
  } catch (error) {
    throw invalid(`invalid ${what}: it is not valid JSON`, error);
  }
}

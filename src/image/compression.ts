/** Compressed streams: told apart by their first bytes, as Docker does it, and taken apart by zlib or a program. */
import { spawn } from 'node:child_process';
import { createReadStream, type ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CappedText } from '../base/capped-text.ts';
import { invalid, systemError } from '../base/errors.ts';

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2';

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
];

const PROGRAMS = { zstd: ['zstd', '-dcq'], xz: ['xz', '-dcq'], bzip2: ['bzip2', '-dcq'] } as const;

export function detectCompression(head: Uint8Array): Compression {
  // zstd also has skippable frames, which pzstd puts first: 0x184D2A50 to 5F.
  if (head.length >= 4 && (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18)
    return 'zstd';
  const found = MAGIC.find(([, bytes]) => bytes.every((byte, i) => head[i] === byte));
  return found?.[0] ?? 'none';
}

export async function fileCompression(path: string): Promise<Compression> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(8);
    const { bytesRead } = await file.read(head, 0, 8, 0);
    return detectCompression(head.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/**
 * A file's content without its compression. Errors of the decompressor reach the stream. `file.bytesRead` tells how far
 * it is.
 */
export async function readDecompressed(path: string): Promise<{ stream: Readable; file: ReadStream }> {
  const compression = await fileCompression(path);
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  return { stream: decompress(file, compression), file };
}

/** Looks at a stream's first bytes and takes its compression off. */
export async function decompressStream(source: Readable): Promise<{ compression: Compression; stream: Readable }> {
  const head = await readHead(source, 8);
  const compression = detectCompression(head);
  return { compression, stream: decompress(source, compression) };
}

/** The first bytes, which stay in the stream; fewer where it ends before. */
export async function readHead(source: Readable, sizeBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let have = 0;
  while (have < sizeBytes && !source.readableEnded) {
    const part = source.read() as Buffer | null;
    if (part !== null) {
      parts.push(part);
      have += part.length;
      continue;
    }
    if (source.errored) throw source.errored;
    if (source.destroyed) break;
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        source.off('readable', settle).off('end', settle).off('close', settle).off('error', fail);
        resolve();
      };
      const fail = (error: Error) => {
        source.off('readable', settle).off('end', settle).off('close', settle);
        reject(error);
      };
      source.once('readable', settle).once('end', settle).once('close', settle).once('error', fail);
    });
  }
  const head = Buffer.concat(parts);
  if (head.length > 0 && !source.readableEnded) source.unshift(head);
  else if (head.length > 0) throw invalid('unexpected EOF');
  return head.subarray(0, sizeBytes);
}

export function decompress(source: Readable, compression: Compression): Readable {
  if (compression === 'none') return source;
  const output = new PassThrough({ highWaterMark: 256 * 1024 });
  if (compression === 'gzip') gunzip(source, output);
  else runProgram(PROGRAMS[compression], source, output).catch((error: unknown) => output.destroy(error as Error));
  return output;
}

function gunzip(source: Readable, output: PassThrough): void {
  const unzip = createGunzip({ chunkSize: 128 * 1024 });
  // Not one pipeline: that would end the output with zlib's error before this one.
  pipeline(source, unzip).catch((error: unknown) => {
    const code = (error as { code?: string }).code ?? '';
    if (code === 'Z_BUF_ERROR') output.destroy(invalid('unexpected EOF', error));
    else if (code.startsWith('Z_')) output.destroy(invalid('gzip: invalid data', error));
    else output.destroy(error as Error);
  });
  output.on('close', () => unzip.destroy());
  unzip.pipe(output);
}

async function runProgram(
  [file, args]: readonly [string, string],
  source: Readable,
  output: PassThrough,
): Promise<void> {
  const child = spawn(file, [args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const complaint = new CappedText(4096);
  child.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
  const exited = new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(systemError(`cannot run ${file}: ${error.message}`, error)));
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(invalid(`${file}: ${complaint.toString().trim() || `exit status ${code}`}`)),
    );
  });
  exited.catch(() => {});
  const feed = pipeline(source, child.stdin);
  feed.catch((error: unknown) => {
    // The program's own complaint says more than the pipe it left broken; a failing source ends the program.
    if ((error as { code?: string }).code !== 'EPIPE') child.kill('SIGKILL');
  });
  try {
    // The output ends only after the exit status was seen, so that a cut-off file cannot pass for a whole one.
    await pipeline(child.stdout, output, { end: false });
    await exited;
    await feed;
    output.end();
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

/**
 * Trees as archives. A directory is read by GNU tar, which is right about owners, devices, hard links, capabilities and
 * times; it is confined (kernel/confined-program.ts): it sees the tree, read-only, and nothing of the host. Everything
 * else is one header and is made here, from the very file that was found.
 */
import { createReadStream } from 'node:fs';
import { Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemError } from '../base/errors.ts';
import { hostCodeOf, hostFailure } from '../base/host-errors.ts';
import { startConfined } from '../kernel/confined-program.ts';
import { openNamedFile, whenNotLeased } from '../kernel/regular-file.ts';
import { readLink, type RootPath } from '../kernel/root-path.ts';
import { childEnd, openPipe } from '../kernel/spawn.ts';
import { closeFd, openFd } from '../kernel/descriptors.ts';
import { readXattrs } from '../kernel/xattr.ts';
import { formatTarHeader, padding, TAR_BLOCK, type PaxRecords, type TarHeader } from '../base/tar-headers.ts';

/** About sockets. */
const QUIET = '--warning=no-file-ignored';
const OPTIONS = [
  '--create',
  '--sort=name',
  '--format=pax',
  '--pax-option=delete=atime,delete=ctime',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--no-selinux',
  '--warning=no-file-changed',
  QUIET,
  '--file=-',
  '--directory=/from',
  '--',
  '.',
];

export interface PackOptions {
  readonly trustedAttributes?: boolean;
  /** Called before the end where something has no form in an archive, or changed meanwhile. */
  readonly onLeftOut?: () => void;
}

/**
 * Everything below a directory, itself included, as a tar stream (pax format); the descriptor may be closed at once.
 * Symbolic links are packed, never followed.
 */
export function packDirectory(directory: number, options: PackOptions = {}): Readable {
  const { pid, stdout, complaint } = startReading(directory, options);
  const output = new PassThrough({ highWaterMark: 256 * 1024 });
  const run = async () => {
    await pipeline(stdout, output, { end: false });
    const code = await childEnd(pid);
    // 1: a file changed or went away while it was read, which a running container's files do.
    if (code > 1) {
      const reason = await complaint;
      const errno = hostCodeOf(reason);
      throw systemError(
        `Error processing tar file(exit status ${code}): ${reason || 'tar gave no reason'}`,
        errno && hostFailure(errno),
      );
    }
    if (options.onLeftOut && (await complaint) !== '') options.onLeftOut();
    output.end();
  };
  run().catch((error: unknown) => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended: that is what failed.
    }
    void childEnd(pid);
    output.destroy(error as Error);
  });
  return output;
}

function startReading(directory: number, { trustedAttributes = false, onLeftOut }: PackOptions) {
  const output = openPipe();
  const errors = openPipe();
  const nothing = openFd('/dev/null');
  let pid: number;
  try {
    pid = startConfined({
      program: 'tar',
      args: onLeftOut ? OPTIONS.filter((option) => option !== QUIET) : OPTIONS,
      from: directory,
      trustedAttributes,
      fds: [nothing, output.writeFd, errors.writeFd],
    });
  } catch (error) {
    closeFd(output.readFd);
    closeFd(errors.readFd);
    throw error;
  } finally {
    for (const fd of [nothing, output.writeFd, errors.writeFd]) closeFd(fd);
  }
  return {
    pid,
    stdout: new Socket({ fd: output.readFd, readable: true, writable: false }),
    complaint: complaints(errors.readFd).end,
  };
}

const MAX_COMPLAINT_BYTES = 16 * 1024;

/** The beginning of what a program writes to the other end of the pipe, once it has ended. */
export function complaints(fd: number): { end: Promise<string> } {
  let text = '';
  const stream = new Socket({ fd, readable: true, writable: false });
  stream.on('data', (chunk: Buffer) => {
    if (text.length < MAX_COMPLAINT_BYTES) text += chunk.toString();
  });
  const lines = () => text.split('\n').map((line) => line.replace(/^(\/usr\/bin\/)?(tar|cp): /, '').trim());
  const soFar = () => lines().find((line) => line !== '' && !line.startsWith('Exiting with failure status')) ?? '';
  const end = new Promise<string>((resolve) => stream.on('error', () => {}).on('close', () => resolve(soFar())));
  return { end };
}

/**
 * What is no directory, as an archive of one entry. A socket has no form in archives and leaves it empty. `owner`:
 * "container web", for a refusal.
 */
export async function packFile(found: RootPath, name: string, owner: string): Promise<Readable> {
  const { stats } = found;
  if (stats.isSocket()) return Readable.from([Buffer.alloc(2 * TAR_BLOCK)]);
  const sizeBytes = stats.isFile() ? Number(stats.size) : 0;
  const head = formatTarHeader(headerOf(found, name, sizeBytes), recordsOf(found));
  if (sizeBytes === 0) return Readable.from([Buffer.concat([head, Buffer.alloc(2 * TAR_BLOCK)])]);
  // Opened while `found` is: by the magic link it is that file, whatever has its name now.
  const fd = await whenNotLeased(`${found.path} of ${owner}`, () => openNamedFile(found.fd));
  return Readable.from(withContent(head, fd, sizeBytes), { objectMode: false, highWaterMark: 256 * 1024 });
}

async function* withContent(head: Buffer, fd: number, sizeBytes: number): AsyncGenerator<Buffer> {
  const content = createReadStream('', { fd, start: 0, end: sizeBytes - 1, highWaterMark: 256 * 1024 });
  yield head;
  let left = sizeBytes;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    left -= chunk.length;
    yield chunk;
  }
  // It has become shorter since: what the header promised comes as zeros, as tar does it.
  for (; left > 0; left -= Math.min(left, ZEROS.length)) yield ZEROS.subarray(0, left);
  yield Buffer.concat([padding(sizeBytes), Buffer.alloc(2 * TAR_BLOCK)]);
}

const ZEROS = Buffer.alloc(64 * 1024);

function headerOf({ stats, fd }: RootPath, name: string, sizeBytes: number): TarHeader {
  const rdev = stats.rdev;
  const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
  return {
    name: Buffer.from(name).toString('latin1'),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    sizeBytes,
    mtimeS: Number(stats.mtimeNs / 1_000_000_000n),
    type: stats.isFile()
      ? '0'
      : stats.isSymbolicLink()
        ? '2'
        : stats.isCharacterDevice()
          ? '3'
          : stats.isBlockDevice()
            ? '4'
            : '6',
    linkName: stats.isSymbolicLink() ? readLink(fd) : '',
    userName: '',
    groupName: '',
    deviceMajor: isDevice ? Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)) : 0,
    deviceMinor: isDevice ? Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)) : 0,
  };
}

function recordsOf({ stats, fd }: RootPath): PaxRecords {
  const records: PaxRecords = new Map();
  const { mtimeNs } = stats;
  const second = 1_000_000_000n;
  if (mtimeNs % second !== 0n && mtimeNs > 0n)
    records.set('mtime', `${mtimeNs / second}.${`${mtimeNs % second}`.padStart(9, '0')}`);
  for (const [key, value] of readXattrs(fd)) {
    if (!key.startsWith('trusted.')) records.set(`SCHILY.xattr.${key}`, value.toString('latin1'));
  }
  return records;
}

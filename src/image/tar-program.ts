/**
 * GNU tar as a child process: the only thing that makes and reads real trees here, because it is right about owners,
 * devices, hard links, capabilities and times.
 *
 * Extraction happens in a chroot inside a mount namespace of its own. An archive may hold a symbolic link to anywhere and
 * then a file "below" it; in the chroot that stays inside. tar is a dynamic program, so the host's /usr is bound
 * read-only on a directory of the new root that lives as long as the extraction and is seen by nobody else, and the
 * dynamic loader is called by hand with its library path there.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { PassThrough, type Readable } from 'node:stream';
import { CausewayError, invalid, systemError } from '../base/errors.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC0' };

// $1 the new root, $2 the directory in it for the tools, then pairs of what to mount where, '--', and the command line.
const CHROOT_SCRIPT = `root=$1 tools=$2; shift 2
while [ "$1" != -- ]; do mount --bind "$1" "$root$2" || exit 125; shift 2; done; shift
mount --bind -o ro /usr "$root/$tools" || exit 125
exec chroot "$root" "$@"`;

let loader: { interpreter: string; libraries: string; tar: string } | undefined;

/** Where the loader, its libraries and tar are, relative to /usr. */
function findLoader(): { interpreter: string; libraries: string; tar: string } {
  if (loader) return loader;
  const tar = realpathSync('/usr/bin/tar');
  const interpreter = realpathSync(readInterpreter(tar));
  if (!interpreter.startsWith('/usr/') || !tar.startsWith('/usr/')) {
    throw systemError(`cannot extract archives: ${tar} and its loader ${interpreter} are not under /usr`);
  }
  loader = {
    interpreter: interpreter.slice('/usr/'.length),
    libraries: dirname(interpreter).slice('/usr/'.length),
    tar: tar.slice('/usr/'.length),
  };
  return loader;
}

/** The PT_INTERP of a 64-bit little-endian ELF program. */
function readInterpreter(program: string): string {
  const file = openSync(program, 'r');
  try {
    const head = Buffer.alloc(64 * 1024);
    readSync(file, head, 0, head.length, 0);
    if (head.toString('latin1', 0, 4) !== '\x7fELF') throw systemError(`${program} is not a program`);
    const table = Number(head.readBigUInt64LE(32));
    const entrySize = head.readUInt16LE(54);
    for (let i = 0; i < head.readUInt16LE(56); i++) {
      const at = table + i * entrySize;
      if (head.readUInt32LE(at) !== 3) continue;
      const offset = Number(head.readBigUInt64LE(at + 8));
      const size = Number(head.readBigUInt64LE(at + 32));
      return head.toString('latin1', offset, offset + size - 1);
    }
    throw systemError(`${program} has no loader`);
  } finally {
    closeSync(file);
  }
}

export interface ExtractRequest {
  /** A stream, or the descriptor of a file that is read from where it stands. */
  readonly tar: Readable | number;
  /** The directory that becomes the root. */
  readonly root: string;
  /** A directory that exists in it, to see the tools through while it lasts: 'proc', '.tools'. No slash in front. */
  readonly toolsDirectory: string;
  /** Where in the new root to extract; absolute. */
  readonly into: string;
  /** To be mounted in the new root meanwhile: volumes. */
  readonly mounts?: readonly { readonly source: string; readonly destination: string }[];
  readonly options?: readonly string[];
}

/** Extracts an uncompressed tar stream. Rejects with tar's first complaint in Docker's form. */
export async function extractTar(request: ExtractRequest): Promise<void> {
  const { interpreter, libraries, tar } = findLoader();
  const tools = `/${request.toolsDirectory}`;
  const command = [
    `${tools}/${interpreter}`,
    '--library-path',
    `${tools}/${libraries}`,
    `${tools}/${tar}`,
    '--extract',
    '--absolute-names', // inside the chroot '/etc' is the root's own
    '--preserve-permissions',
    '--same-owner',
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--no-selinux',
    '--warning=no-timestamp',
    ...(request.options ?? []),
    '--file=-',
    `--directory=${request.into}`,
  ];
  const mounts = (request.mounts ?? []).flatMap((mount) => [mount.source, mount.destination]);
  const script = ['sh', '-c', CHROOT_SCRIPT, 'sh', request.root, request.toolsDirectory, ...mounts, '--', ...command];
  const args = ['--mount', '--propagation', 'slave', ...script];
  const { tar: source } = request;
  const child = spawn('unshare', args, { stdio: [typeof source === 'number' ? source : 'pipe', 'ignore', 'pipe'], env: ENVIRONMENT });
  const { exited, complaint } = watch(child);
  try {
    if (typeof source !== 'number') await pipeline(source, child.stdin!);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') {
      child.kill('SIGKILL');
      await exited.catch(() => {});
      throw error;
    }
    // tar ended before the archive did: its own words follow.
  }
  const code = await exited;
  if (code !== 0) throw explain(complaint(), code);
}

/**
 * Reads members below a directory into a tar stream (pax format). `directory` may be '/proc/self/fd/N': it is the child's
 * working directory. Symbolic links are packed, never followed.
 */
export function createTar(request: { directory: string; members: readonly string[]; options?: readonly string[] }): Readable {
  const args = [
    '--create',
    '--sort=name',
    '--format=pax',
    '--pax-option=delete=atime,delete=ctime',
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--no-selinux',
    '--warning=no-file-changed',
    '--warning=no-file-ignored',
    ...(request.options ?? []),
    '--file=-',
    '--',
    ...request.members,
  ];
  const child = spawn('tar', args, { stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT, cwd: request.directory });
  const { exited, complaint } = watch(child);
  const output = new PassThrough({ highWaterMark: 256 * 1024 });
  const run = async () => {
    await pipeline(child.stdout!, output, { end: false });
    const code = await exited;
    // 1: a file changed or went away while it was read, which a running container's files do.
    if (code > 1) throw explain(complaint(), code);
    output.end();
  };
  run().catch((error: unknown) => {
    child.kill('SIGKILL');
    output.destroy(error as Error);
  });
  return output;
}

function watch(child: ChildProcess): { exited: Promise<number>; complaint: () => string } {
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    if (text.length < 16 * 1024) text += chunk.toString();
  });
  const exited = Promise.race([
    once(child, 'close').then(([code, signal]) => (code as number | null) ?? (signal ? 128 : 1)),
    once(child, 'error').then(([error]) => {
      throw systemError(`cannot run tar: ${(error as Error).message}`, error);
    }),
  ]);
  exited.catch(() => {});
  return { exited, complaint: () => text };
}

/** tar's complaint as Docker words such things: 'write /a/b: no space left on device'. */
function explain(complaint: string, code: number): CausewayError {
  const lines = complaint.split('\n').map((line) => line.replace(/^\S*tar: /, '').trim());
  const full = lines.find((line) => /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/.test(line));
  if (full !== undefined) {
    const path = /^(?:.*?: )??([^:]+): (?:Cannot|Wrote|Write)/.exec(full)?.[1] ?? '';
    const reason = /Disk quota/.test(full) ? 'disk quota exceeded' : 'no space left on device';
    return systemError(path === '' ? reason : `write /${path.replace(/^(?:\.?\/)+/, '')}: ${reason}`);
  }
  const first = lines.find((line) => line !== '' && !line.startsWith('Exiting with failure status')) ?? `exit status ${code}`;
  if (/Unexpected EOF/.test(complaint)) return invalid('unexpected EOF');
  if (/does not look like a tar archive|Skipping to next header/.test(complaint)) return invalid('archive/tar: invalid tar header');
  return systemError(`Error processing tar file(exit status ${code}): ${first}`);
}

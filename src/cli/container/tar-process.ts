/** GNU tar as a process: it keeps owners, modes, times, links and devices as they are. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StatusError } from '../command/status-error.ts';

export interface Rename {
  readonly from: string;
  readonly to: string;
}

/** Renames the first component of every name and of what hard links point to; symlinks stay. */
function transform({ from, to }: Rename): string {
  const pattern = from.replace(/[.*[\]^$\\|]/g, '\\$&');
  return `--transform=flags=rhS;s|^${pattern}|${to.replace(/[&\\|]/g, '\\$&')}|`;
}

function start(args: readonly string[], stdin: 'pipe' | 'ignore') {
  const child = spawn('tar', args, { stdio: [stdin, 'pipe', 'pipe'] });
  const complaints: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk));
  const done = new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(new StatusError(`cannot run tar: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new StatusError(Buffer.concat(complaints).toString().trim() || `tar ended with exit code ${code}`));
    });
  });
  return { child, done };
}

/** Packs `base` in `directory` into a stream that fails if tar fails. */
export function packPath(
  directory: string,
  base: string,
  rename: Rename | undefined,
): { stream: Readable; done: Promise<void> } {
  const args = [
    '--create',
    '--file=-',
    '--numeric-owner',
    ...(rename ? [transform(rename)] : []),
    '-C',
    directory,
    '--',
    base,
  ];
  const { child, done } = start(args, 'ignore');
  done.catch(() => {});
  return { stream: child.stdout as Readable, done };
}

/** `keepOwners`: only root can; otherwise everything belongs to the user who runs this. */
export async function unpackStream(
  stream: Readable,
  directory: string,
  rename: Rename | undefined,
  keepOwners: boolean,
): Promise<void> {
  const owners = keepOwners ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner'];
  const args = [
    '--extract',
    '--file=-',
    '--same-permissions',
    ...owners,
    ...(rename ? [transform(rename)] : []),
    '-C',
    directory,
  ];
  const { child, done } = start(args, 'pipe');
  done.catch(() => {});
  // tar may end before its input does; its message is then what matters.
  await pipeline(stream, child.stdin as NonNullable<typeof child.stdin>).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
  await done;
}

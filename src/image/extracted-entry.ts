/**
 * What an archive's entry says of the file that is made of it: its place, its times, its attributes, and words for what
 * fails.
 */
import { CausewayError, errorCode, errorMessage, invalid, systemError } from '../base/errors.ts';
import { nodeReason } from '../base/host-errors.ts';
import { KernelError } from '../kernel/errors.ts';
import { asText, pathComponents } from '../kernel/root-path.ts';
import type { FileTime } from '../kernel/tree-writer.ts';
import type { TarEntry } from './tar-reader.ts';

const XATTR = 'SCHILY.xattr.';

/** Absolute, for the name of an entry in an archive that is extracted into a directory: by its letters alone. */
export function placeInTree(into: string, name: string): string {
  if (name.includes('\0')) throw invalid('archive/tar: invalid tar header');
  const parts: string[] = [];
  for (const part of pathComponents(name)) {
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined && into !== '/')
      throw invalid(`${JSON.stringify(asText(name))} is outside of ${JSON.stringify(asText(into))}`);
  }
  return parts.length === 0 ? into : `${into === '/' ? '' : into}/${parts.join('/')}`;
}

export interface EntryTimes {
  readonly modified: FileTime;
  /** Undefined = as it is. */
  readonly accessed: FileTime | undefined;
}

export function entryTimes({ header, pax }: TarEntry): EntryTimes {
  const accessed = pax.get('atime') || undefined;
  return {
    modified: fileTime(pax.get('mtime') || String(header.mtimeS)),
    accessed: accessed === undefined ? undefined : fileTime(accessed),
  };
}

const SECONDS_LIMIT = 1n << 62n;

/** '-1.25' is a second and a quarter before the epoch. */
function fileTime(text: string): FileTime {
  const match = /^(-?)(\d{1,20})(?:\.(\d*))?$/.exec(text);
  if (!match) throw invalid('archive/tar: invalid tar header');
  const s = BigInt(match[2]!);
  const ns = BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (s > SECONDS_LIMIT) throw invalid('archive/tar: invalid tar header');
  if (match[1] === '') return { s, ns };
  return ns === 0n ? { s: -s, ns } : { s: -s - 1n, ns: 1_000_000_000n - ns };
}

export function* entryXattrs({ pax }: TarEntry): Generator<[name: string, value: Buffer]> {
  for (const [key, value] of pax)
    if (key.startsWith(XATTR)) yield [key.slice(XATTR.length), Buffer.from(value, 'latin1')];
}

/** As Docker words it: 'write /a/b: no space left on device'. */
export function extractionError(path: string, error: unknown): unknown {
  if (error instanceof CausewayError && !(error instanceof KernelError)) return error;
  const operation =
    error instanceof KernelError ? error.operation : ((error as NodeJS.ErrnoException).syscall ?? 'write');
  const reason = error instanceof KernelError ? error.reason : (nodeReason(error as Error) ?? errorMessage(error));
  const words = `${operation} ${path}: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
  const full = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');
  return systemError(full ? words : `Error processing tar file(exit status 1): ${words}`, error);
}

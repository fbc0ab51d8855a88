/**
 * What `cp SRC DST` means, decided from what the two ends are. A destination that is a directory gets the source inside
 * it (or, for a source that ends in "/.", its content); otherwise the source takes the destination's name.
 */
import { posix } from 'node:path';

export interface CopySource {
  readonly path: string;
  readonly isDirectory: boolean;
  /** The name under which a followed symlink is to be copied. */
  readonly rename?: string;
}

export interface CopyDestination {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
}

export interface CopyPlan {
  /** The directory in which the archive is unpacked. */
  readonly directory: string;
  /** The first component of names in the archive becomes this one. */
  readonly rename: { readonly from: string; readonly to: string } | undefined;
}

const endsInDot = (path: string) => path.endsWith('/.') || path === '.';
const endsAsDirectory = (path: string) => path.endsWith('/') || endsInDot(path);

/** [directory, last component]; "dir/." keeps its dot. */
export function splitPath(path: string): [string, string] {
  const cleaned = posix.normalize(path).replace(/(.)\/+$/, '$1');
  const whole = endsInDot(path) ? `${cleaned}/.` : cleaned;
  const slash = whole.lastIndexOf('/');
  if (slash < 0) return ['.', whole];
  return [slash === 0 ? '/' : whole.slice(0, slash), whole.slice(slash + 1) || '/'];
}

/** An absolute path that keeps the "/" or "/." behind it, which means something. */
export function absolutePath(path: string, cwd = process.cwd()): string {
  const absolute = posix.resolve(cwd, path);
  if (endsInDot(path)) return absolute === '/' ? '/.' : `${absolute}/.`;
  return path.endsWith('/') && absolute !== '/' ? `${absolute}/` : absolute;
}

/** Throws with Docker's sentence for what cannot be copied there. */
export function planCopy(source: CopySource, destination: CopyDestination): CopyPlan {
  const [directory, base] = splitPath(destination.path);
  const [, sourceBase] = splitPath(source.path);
  const from = source.rename ?? sourceBase;
  const renamed = (): CopyPlan => ({ directory, rename: { from, to: base } });
  if (destination.exists && destination.isDirectory) {
    return { directory: destination.path, rename: undefined };
  }
  if (destination.exists && source.isDirectory) throw new Error('cannot copy directory');
  if (!destination.exists && !source.isDirectory && endsAsDirectory(destination.path))
    throw new Error('no such directory');
  return renamed();
}

/** [container, path] of CONTAINER:PATH; a local path that has a colon must begin with / or ".". */
export function splitCopyArgument(argument: string): [container: string, path: string] {
  if (argument.startsWith('/')) return ['', argument];
  const colon = argument.indexOf(':');
  if (colon < 0 || argument.startsWith('.')) return ['', argument];
  return [argument.slice(0, colon), argument.slice(colon + 1)];
}

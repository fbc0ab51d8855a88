/**
 * Binds of the engine's own directories, or of what they are in. With a private copy of them a container would hold on
 * to the root filesystems of others, which are mounted there: such a bind follows what is unmounted at its source.
 */
import { normalize } from 'node:path';
import { invalid } from '../../base/errors.ts';

const FOLLOWING = ['rslave', 'rshared'];

export function touchesDataRoot(dataRoot: string, source: string): boolean {
  return holds(source, dataRoot) || holds(dataRoot, source);
}

/** `asked` '' = nothing was. @throws invalid in Docker's words */
export function bindPropagation(dataRoot: string, source: string, asked: string): string {
  if (!touchesDataRoot(dataRoot, source)) return asked || 'rprivate';
  if (asked === '' || FOLLOWING.includes(asked)) return asked || 'rslave';
  throw invalid(
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(source)}, propagation: ${JSON.stringify(asked)}`,
  );
}

function holds(path: string, inner: string): boolean {
  const [outside, inside] = [path, inner].map((one) => `${normalize(one)}/`.replace(/\/+$/, '/'));
  return inside!.startsWith(outside!);
}

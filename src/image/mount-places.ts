/**
 * Directories that a container's mounts are put on. What is missing of them is made here, as Docker has it made, and not
 * left to the runtime: crun gives them the mode 1755, and they come into the image of a `commit` or of a build step.
 */
import { posix } from 'node:path';
import { CausewayError } from '../base/errors.ts';
import { asBytes, resolveOrMakeDirectory } from '../kernel/root-path.ts';
import { makeDirectory } from '../kernel/tree-writer.ts';

const MODE = 0o755;
/** The runtime mounts file systems of its own there. */
const NOT_OF_THE_ROOT: readonly string[] = ['/proc', '/sys', '/dev'];

/**
 * `targets`: as they were asked for. What is below another one is a place in that mount, and where something is in the
 * way the runtime says so, in its words.
 */
export function makeMountPlaces(root: string, targets: readonly string[]): void {
  const places = targets.map((target) => posix.resolve('/', target));
  const above = [...NOT_OF_THE_ROOT, ...places];
  for (const place of places) {
    if (above.some((other) => other !== '/' && place.startsWith(`${other}/`))) continue;
    try {
      resolveOrMakeDirectory({ root }, asBytes(place), (fd, name) => makeDirectory(fd, name, MODE)).close();
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
    }
  }
}

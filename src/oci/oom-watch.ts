/**
 * Notices that the kernel wanted memory for a container and had none: conmon then leaves a file in its bundle, at once,
 * whether or not a process was killed, and whichever that was. What is not noticed here is found when the run ends.
 */
import { existsSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';

const FILE = 'oom';

/** Calls `tell` once. Returns how to stop. */
export function watchOom(bundle: string, tell: () => void): () => void {
  let told = false;
  let watcher: FSWatcher | undefined;
  const stop = (): void => {
    watcher?.close();
    watcher = undefined;
  };
  const look = (): void => {
    if (told || !existsSync(join(bundle, FILE))) return;
    told = true;
    stop();
    tell();
  };
  try {
    watcher = watch(bundle, { persistent: false }, (_event, name) => {
      if (name === null || name === FILE) look();
    });
    watcher.on('error', stop);
  } catch {
    return stop; // the host has no watch left
  }
  look();
  return stop;
}

/** The content that an image has where a new, empty volume is mounted: it becomes the volume's. */
import { chmodSync, chownSync, readdirSync, utimesSync } from 'node:fs';
import { errorKind, systemError } from '../base/errors.ts';
import { runProgram } from '../base/program.ts';
import { resolveInRoot, type RootPath } from './root-path.ts';

/**
 * Copies the directory `path` of a mounted root file system, with owners, modes and attributes, into `volumeDir`, and gives
 * that the owner and mode of the directory. Does nothing if `volumeDir` has something in it or there is no such directory.
 */
export async function copyUp(rootfsDir: string, path: string, volumeDir: string): Promise<void> {
  if (readdirSync(volumeDir).length > 0) return;
  let found: RootPath;
  try {
    found = resolveInRoot({ root: rootfsDir }, path, { followLast: true });
  } catch (error) {
    if (errorKind(error) === 'notFound') return;
    throw error;
  }
  try {
    if (!found.isDirectory) return;
    if (readdirSync(found.hostPath).length > 0) {
      const { code, stderr } = await runProgram('cp', ['--archive', '--', `/proc/${process.pid}/fd/${found.fd}/.`, volumeDir]);
      if (code !== 0) {
        const full = /No space left on device/.test(stderr) ? 'no space left on device' : stderr.trim().split('\n')[0];
        throw systemError(`failed to copy ${path} into its volume: ${full}`);
      }
    }
    const { uid, gid, mode, atimeMs, mtimeMs } = found.stats;
    chownSync(volumeDir, Number(uid), Number(gid));
    chmodSync(volumeDir, Number(mode) & 0o7777);
    utimesSync(volumeDir, Number(atimeMs) / 1000, Number(mtimeMs) / 1000);
  } finally {
    found.close();
  }
}

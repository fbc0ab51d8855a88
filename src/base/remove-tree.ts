import { rm } from 'node:fs/promises';
import { errorCode, systemError } from './errors.ts';
import { runProgram } from './program.ts';

/**
 * Removes what a container has filled, however deep. Node's rm works with whole paths, and gives up where they are
 * longer than the kernel takes; the rm program goes down by descriptors. Absent is fine.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (errorCode(error) !== 'ENAMETOOLONG') throw error;
    const { code, stderr } = await runProgram('rm', ['-rf', '--', path]);
    if (code !== 0) throw systemError(`remove ${path}: ${stderr.split('\n')[0]!.slice(0, 500)}`);
  }
}

/** The directory of a run: what the runtime, conmon and the daemon keep there. */
import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';

const FILES = ['config.json', 'attach', 'ctl', 'winsz', 'pidfile', 'conmon.pid', 'oom', 'exec'];

/** Removes it with everything of the run. The caller may keep files of its own there: with one of those it stays. */
export function removeBundle(directory: string): void {
  for (const name of FILES) rmSync(join(directory, name), { recursive: true, force: true });
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
  }
}

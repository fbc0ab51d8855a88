/** The directory of a run: what the runtime, conmon and the daemon keep there. */
import { existsSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import type { OciHooks } from './oci-spec.ts';

const FILES = ['config.json', 'attach', 'ctl', 'winsz', 'pidfile', 'conmon.pid', 'oom', 'hooks', 'exec'];

/** Removes it with everything of the run. The caller may keep files of its own there: with one of those it stays. */
export function removeBundle(directory: string): void {
  for (const name of FILES) rmSync(join(directory, name), { recursive: true, force: true });
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Notes whether the runtime's own start and delete have something to do: hooks. */
export function noteHooks(bundle: string, hooks: OciHooks | undefined): void {
  const file = join(bundle, 'hooks');
  if (hooks?.poststart || hooks?.poststop) writeFileSync(file, '', { mode: 0o600 });
  else rmSync(file, { force: true });
}

export const hasHooks = (bundle: string): boolean => existsSync(join(bundle, 'hooks'));

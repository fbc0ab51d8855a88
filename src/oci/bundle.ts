/** The directory of a run: what the runtime, conmon and the daemon keep there. */
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
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

/** Without what an earlier run left; it notes whether the runtime's own start and delete have something to do: hooks. */
export function prepareBundle(bundle: string, hooks: OciHooks | undefined): void {
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  for (const name of ['oom', 'conmon.pid']) rmSync(join(bundle, name), { force: true });
  const file = join(bundle, 'hooks');
  if (hooks?.poststart || hooks?.poststop) writeFileSync(file, '', { mode: 0o600 });
  else rmSync(file, { force: true });
}

export const hasHooks = (bundle: string): boolean => existsSync(join(bundle, 'hooks'));

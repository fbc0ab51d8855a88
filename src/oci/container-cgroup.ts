/** Removing the cgroup of one container in every hierarchy that is mounted. */
import { readdirSync, rmdirSync } from 'node:fs';
import { errorCode } from '../base/errors.ts';
import { cgroupMounts } from '../kernel/cgroup.ts';

function hierarchies(): string[] {
  const { unified, controllers } = cgroupMounts();
  return [...new Set([...controllers.values(), ...(unified === undefined ? [] : [unified])])];
}

/** `cgroupsPath` is absolute, as the spec has it. Takes what the container made below it too. Answers with what is still busy: processes that are just dying. */
export function removeCgroup(cgroupsPath: string): string[] {
  const busy: string[] = [];
  for (const root of hierarchies()) {
    if (!removeTree(root + cgroupsPath)) busy.push(root + cgroupsPath);
  }
  return busy;
}

function removeTree(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return true;
    if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error;
  }
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(`${directory}/${entry.name}`);
    }
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    if (errorCode(error) === 'EBUSY' || errorCode(error) === 'ENOTEMPTY') return false;
    throw error;
  }
}

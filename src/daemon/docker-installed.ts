/**
 * Whether dockerd may be started on this host any time, however it was installed: as a package, as a snap, or at
 * another place.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './host-facts.ts';

const SNAP = '/snap/docker/current';
const UNIT_DIRECTORIES = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];
const PID_FILES = ['/run/docker.pid', '/var/run/docker.pid', '/var/snap/docker/current/run/docker.pid'];

export function dockerInstalled(): boolean {
  return findProgram('dockerd') !== undefined || dockerElsewhere();
}

/** What shows it apart from a program on the PATH. `root`: where the host's files are. */
export function dockerElsewhere(root = '/'): boolean {
  return existsSync(join(root, SNAP)) || hasUnit(root) || runs(root);
}

/**
 * The first directory that has the unit counts. One that starts another engine under that name, or is masked, is not
 * Docker's.
 */
function hasUnit(root: string): boolean {
  const text = UNIT_DIRECTORIES.map((directory) => textOf(join(root, directory, 'docker.service'))).find(
    (found) => found !== undefined,
  );
  return text !== undefined && /^\s*Exec\w+=.*\bdockerd\b/m.test(text);
}

function runs(root: string): boolean {
  return PID_FILES.some((file) => {
    const pid = Number(textOf(join(root, file))?.trim());
    return pid > 0 && textOf(join(root, 'proc', String(pid), 'comm'))?.trim() === 'dockerd';
  });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

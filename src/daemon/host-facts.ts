/** Facts of the host for `info`, `version` and `doctor`. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { syncDirectories } from '../base/sync-directories.ts';
import { mountPoints } from '../kernel/mount.ts';

export interface OsRelease {
  readonly name: string;
  readonly version: string;
}

export function osRelease(): OsRelease {
  const fields = new Map<string, string>();
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    if (!existsSync(path)) continue;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const match = /^(\w+)="?(.*?)"?$/.exec(line);
      if (match) fields.set(match[1]!, match[2]!);
    }
    break;
  }
  return { name: fields.get('PRETTY_NAME') ?? 'Linux', version: fields.get('VERSION_ID') ?? '' };
}

/** Docker's architecture names. */
function machineArchitecture(): string {
  return ({ x64: 'x86_64', arm64: 'aarch64', arm: 'armv7l' } as Record<string, string>)[arch()] ?? arch();
}

export const hostBasics = () => ({
  name: hostname(),
  kernelVersion: release(),
  operatingSystem: osRelease().name,
  osVersion: osRelease().version,
  architecture: machineArchitecture(),
  cpus: cpus().length,
  memoryBytes: totalmem(),
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The engine's id: made once for a data root, when its directories are there; on the disk, as these are, when it is
 * used.
 */
export async function engineId(dataRoot: string): Promise<string> {
  const path = join(dataRoot, 'engine-id');
  const known = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  if (UUID.test(known)) return known;
  const id = randomUUID();
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(id);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectories(dirname(dataRoot), dataRoot, ...ownDirectoriesBelow(realpathSync(dataRoot), 2));
  return id;
}

/** Without what others have mounted there, which may not even answer. */
function ownDirectoriesBelow(
  path: string,
  depth: number,
  mounted = new Set(mountPoints().map(({ target }) => target)),
): string[] {
  if (depth === 0) return [];
  const all = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
  return all
    .filter((directory) => !mounted.has(directory))
    .flatMap((directory) => [directory, ...ownDirectoriesBelow(directory, depth - 1, mounted)]);
}

/** The first of these programs on the PATH and the usual directories, or undefined. */
export function findProgram(...names: readonly string[]): string | undefined {
  const dirs = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
    '/usr/libexec/podman',
    '/usr/lib/podman',
  ];
  for (const name of names) {
    for (const dir of dirs) {
      const path = join(dir, name);
      if (dir !== '' && existsSync(path)) return path;
    }
  }
  return undefined;
}

/** The init of containers: the one that is asked for, or what there is; '' = there is none. */
export function initProgram(wanted: string): string {
  if (wanted === '') return findProgram('tini-static', 'docker-init', 'tini') ?? '';
  if (isAbsolute(wanted)) return existsSync(wanted) ? wanted : '';
  return findProgram(wanted) ?? '';
}

export function flagOf(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}

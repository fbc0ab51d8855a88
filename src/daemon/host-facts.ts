/** Facts of the host for `info`, `version` and `doctor`. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';

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
export function machineArchitecture(): string {
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

/** The engine's id: made once for a data root. */
export function engineId(dataRoot: string): string {
  const path = join(dataRoot, 'engine-id');
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const id = randomUUID();
  writeFileSync(path, id);
  return id;
}

/** The first of these programs on the PATH and the usual directories, or undefined. */
export function findProgram(...names: readonly string[]): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/libexec/podman', '/usr/lib/podman'];
  for (const name of names) {
    for (const dir of dirs) {
      const path = join(dir, name);
      if (dir !== '' && existsSync(path)) return path;
    }
  }
  return undefined;
}

export function flagOf(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}

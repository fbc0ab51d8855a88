/** Options of the daemon that count for containers that do not say otherwise. */
import { isAbsolute } from 'node:path';
import { errorMessage, invalid } from '../base/errors.ts';
import { parseUlimit, type UlimitSpec } from '../model/ulimit.ts';
import type { ContainerDefaults } from './config-shape.ts';
import { readMemorySize } from './memory-size.ts';
import { pairOf } from './options/pair.ts';
import type { RawOptions } from './options/read.ts';

export function containerDefaults({ texts, lists, switches }: RawOptions): ContainerDefaults {
  return {
    logDriver: texts['log-driver'] || 'json-file',
    logOptions: Object.fromEntries((lists['log-opt'] ?? []).map((text) => pairOf(text, 'log-opt'))),
    cgroupParent: texts['cgroup-parent'] || '/causeway',
    shmSizeBytes: parseSize(texts['default-shm-size'] || '64m'),
    ipcMode: ipcMode(texts['default-ipc-mode'] || 'private'),
    cgroupnsMode: cgroupnsMode(texts['default-cgroupns-mode'] ?? ''),
    ulimits: ulimits(lists['default-ulimit'] ?? []),
    init: switches['init'] ?? false,
    initPath: initPath(texts['init-path'] ?? ''),
    noNewPrivileges: switches['no-new-privileges'] ?? false,
    seccompProfile: texts['seccomp-profile'] || 'builtin',
  };
}

function parseSize(text: string): number {
  const bytes = readMemorySize(text);
  if (bytes === undefined)
    throw invalid(`invalid argument "${text}" for "--default-shm-size": invalid size: '${text}'`);
  return bytes;
}

function ipcMode(text: string): 'private' | 'shareable' {
  if (text === 'private' || text === 'shareable') return text;
  if (text === 'none' || text === 'host' || /^container:./.test(text))
    throw invalid(`IPC mode "${text}" is not supported as default value; use "shareable" or "private"`);
  throw invalid(`default IPC mode setting (${text}) is invalid; use "shareable" or "private"`);
}

function cgroupnsMode(text: string): 'private' | 'host' | '' {
  if (text === '' || text === 'private' || text === 'host') return text;
  throw invalid(`invalid default cgroup namespace (${text}): use "host" or "private"`);
}

/** The last of each name counts. */
function ulimits(texts: readonly string[]): UlimitSpec[] {
  const byName = new Map<string, UlimitSpec>();
  for (const text of texts) {
    try {
      const limit = parseUlimit(text);
      byName.set(limit.name, limit);
    } catch (error) {
      throw invalid(`invalid argument "${text}" for "--default-ulimit": ${errorMessage(error)}`, error);
    }
  }
  return [...byName.values()];
}

function initPath(text: string): string {
  if (text !== '' && text.includes('/') && !isAbsolute(text))
    throw invalid(`invalid --init-path "${text}": the path must be absolute, or the name of a program`);
  return text;
}

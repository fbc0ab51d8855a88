/** The default OCI runtime: crun where it works, else runc. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalid, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { findProgram } from './host-facts.ts';
import type { RuntimeEntry } from './options/runtime-entry.ts';

/**
 * Programs by name; the user's own come on top. A runtime with arguments is a script in `scripts`, which has them; where
 * no directory is given none is written, and the program stands for it.
 */
export function runtimeTable(own: Readonly<Record<string, RuntimeEntry>>, scripts?: string): Record<string, string> {
  const table: Record<string, string> = {};
  for (const name of ['crun', 'runc']) {
    const path = findProgram(name);
    if (path !== undefined) table[name] = path;
  }
  for (const [name, { path, args }] of Object.entries(own)) {
    const program = path.includes('/') ? path : (findProgram(path) ?? path);
    table[name] = args.length > 0 && scripts !== undefined ? writeScript(scripts, name, [program, ...args]) : program;
  }
  return table;
}

/** As dockerd does it. A file that is executed now is left to those who execute it. */
function writeScript(directory: string, name: string, command: readonly string[]): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `with-arguments-${name}`);
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  writeFileSync(`${path}.new`, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o700 });
  renameSync(`${path}.new`, path);
  return path;
}

/** `probe` says why a runtime does not work here, or nothing. */
export async function chooseRuntime(
  table: Readonly<Record<string, string>>,
  wanted: string,
  probe: (name: string) => Promise<string | undefined>,
  log: Log,
): Promise<string> {
  if (wanted !== '') return chooseNamedRuntime(table, wanted);
  const problems: string[] = [];
  for (const name of ['crun', 'runc']) {
    const problem = table[name] === undefined ? 'not installed' : await probe(name);
    if (problem === undefined) {
      if (problems.length > 0) log.warn({ runtime: name, problems }, 'fell back to another runtime');
      return name;
    }
    problems.push(`${name}: ${problem}`);
  }
  throw systemError(`no OCI runtime works here: ${problems.join('; ')}. Install one: apt-get install crun conmon`);
}

export function chooseNamedRuntime(table: Readonly<Record<string, string>>, wanted: string): string {
  const path = table[wanted];
  if (path === undefined)
    throw invalid(
      `specified default runtime '${wanted}' does not exist: known are ${Object.keys(table).join(', ') || 'none'}`,
    );
  if (!existsSync(path))
    throw systemError(`specified default runtime '${wanted}': cannot run ${path}: no such program`);
  return wanted;
}

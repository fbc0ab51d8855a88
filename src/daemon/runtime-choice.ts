/** The default OCI runtime: crun where it works, else runc. */
import { existsSync } from 'node:fs';
import { invalid, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { findProgram } from './host-facts.ts';

/** By name; the user's own come on top. */
export function runtimeTable(own: Readonly<Record<string, string>>): Record<string, string> {
  const table: Record<string, string> = {};
  for (const name of ['crun', 'runc']) {
    const path = findProgram(name);
    if (path !== undefined) table[name] = path;
  }
  for (const [name, path] of Object.entries(own)) table[name] = path.includes('/') ? path : (findProgram(path) ?? path);
  return table;
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

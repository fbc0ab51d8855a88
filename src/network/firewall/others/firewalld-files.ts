/** What the engine has put into firewalld's permanent configuration, and how it ranks policies. */
import { readFileSync } from 'node:fs';

export const ZONE = 'causeway';
export const POLICIES = [
  { name: 'causeway-to', ingress: 'ANY', egress: ZONE },
  { name: 'causeway-from', ingress: ZONE, egress: 'ANY' },
] as const;

export type Kind = 'zone' | 'policy';

export const CONFIGURATION = '/etc/firewalld';

export const fileOf = (kind: Kind, name: string, directory = CONFIGURATION): string =>
  `${directory}/${kind === 'zone' ? 'zones' : 'policies'}/${name}.xml`;

/** Whether the engine's zone has a bridge permanently: where firewalld does not run, only that is left of it. */
export function isInFile(bridge: string): boolean {
  return readIfThere(fileOf('zone', ZONE))?.includes(`<interface name="${bridge}"`) ?? false;
}

/** The priority of a policy, as configured; undefined where there is none of that name. */
export function policyPriority(name: string): number | undefined {
  const text = readIfThere(fileOf('policy', name)) ?? readIfThere(fileOf('policy', name, '/usr/lib/firewalld'));
  return text === undefined ? undefined : Number(/<policy\b[^>]*\bpriority="(-?\d+)"/.exec(text)?.[1] ?? -1);
}

export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

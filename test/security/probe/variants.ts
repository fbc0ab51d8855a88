/** The containers that are compared: what they are run with, and in which of them the calls are tried. */
import { probeFacts, probeSyscalls, type Facts } from './collect.ts';

interface Variant {
  readonly options: readonly string[];
  readonly exec?: readonly string[];
}

export const VARIANTS: Readonly<Record<string, Variant>> = {
  'docker run': { options: [] },
  '--user 33': { options: ['--user', '33'] },
  '--cap-drop ALL': { options: ['--cap-drop', 'ALL'] },
  '--cap-add SYS_ADMIN': { options: ['--cap-add', 'SYS_ADMIN'] },
  '--privileged': { options: ['--privileged'] },
  '--security-opt no-new-privileges': { options: ['--security-opt', 'no-new-privileges'] },
  '--security-opt systempaths=unconfined': { options: ['--security-opt', 'systempaths=unconfined'] },
  '--read-only': { options: ['--read-only'] },
  '--ipc shareable': { options: ['--ipc', 'shareable'] },
  '--memory 64m --pids-limit 50 --cpus 0.5 --ulimit nofile=100:200': {
    options: ['--memory', '64m', '--pids-limit', '50', '--cpus', '0.5', '--ulimit', 'nofile=100:200'],
  },
  exec: { options: [], exec: [] },
  'exec --privileged': { options: [], exec: ['--privileged'] },
  'exec --user 33': { options: [], exec: ['--user', '33'] },
};

/** Facts of every variant: the first one's whole, of the others what is different (null: not there). */
export interface Confinement {
  readonly facts: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
}

export function collectFacts(dockerHost: string): Record<string, Facts> {
  return Object.fromEntries(
    Object.entries(VARIANTS).map(([name, { options, exec }]) => [name, probeFacts(dockerHost, options, exec)]),
  );
}

export function collectCalls(dockerHost: string): { filtered: Facts; unfiltered: Facts } {
  return {
    filtered: probeSyscalls(dockerHost, []),
    unfiltered: probeSyscalls(dockerHost, ['--security-opt', 'seccomp=unconfined']),
  };
}

export function pack(all: Readonly<Record<string, Facts>>): Confinement['facts'] {
  const [first, ...others] = Object.keys(all);
  const base = all[first!]!;
  const changes = (facts: Facts) =>
    Object.fromEntries(
      [...new Set([...Object.keys(base), ...Object.keys(facts)])]
        .filter((key) => base[key] !== facts[key])
        .map((key) => [key, facts[key] ?? null]),
    );
  return { [first!]: base, ...Object.fromEntries(others.map((name) => [name, changes(all[name]!)])) };
}

export function unpack(packed: Confinement['facts']): Record<string, Facts> {
  const [first, ...others] = Object.keys(packed);
  const base = packed[first!] as Facts;
  const merged = (changes: Readonly<Record<string, string | null>>): Facts =>
    Object.fromEntries(
      Object.entries({ ...base, ...changes }).filter((entry): entry is [string, string] => entry[1] !== null),
    );
  return { [first!]: base, ...Object.fromEntries(others.map((name) => [name, merged(packed[name]!)])) };
}

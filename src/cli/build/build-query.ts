/** The flags of a build -> the query of POST /build. */
import type { FlagSet } from '../command/flag-set.ts';
import type { Query } from '../api/client.ts';
import { checkPlatform } from '../api/platform.ts';
import { pairs } from '../container/create-request.ts';
import { cut } from '../container/flag-checks.ts';

const unlessEmpty = (text: string): string | undefined => (text === '' ? undefined : text);
const unlessZero = (value: number): number | undefined => (value === 0 ? undefined : value);
const json = (value: object): string | undefined =>
  Object.keys(value).length === 0 ? undefined : JSON.stringify(value);

/** `--progress=quiet` is `-q`: nothing but the id is shown. */
export const isQuiet = (flags: FlagSet): boolean => flags.bool('quiet') || flags.string('progress') === 'quiet';

export interface BuildPlace {
  /** Its name in the context; '' = the usual one. */
  readonly dockerfile: string;
  readonly remote: string;
  readonly tags: readonly string[];
}

export function buildQuery(flags: FlagSet, { dockerfile, remote, tags }: BuildPlace): Query {
  const platform = flags.string('platform') || (process.env['DOCKER_DEFAULT_PLATFORM'] ?? '');
  if (platform !== '') checkPlatform(platform);
  const network = flags.string('network');
  const isolation = flags.string('isolation').toLowerCase();
  return {
    t: tags,
    securityopt: flags.list('security-opt'),
    extrahosts: flags.list('add-host'),
    q: isQuiet(flags) || undefined,
    remote: unlessEmpty(remote),
    nocache: flags.bool('no-cache') || undefined,
    rm: flags.bool('rm') ? undefined : 0,
    forcerm: flags.bool('force-rm') || undefined,
    pull: flags.bool('pull') || undefined,
    squash: flags.bool('squash') || undefined,
    isolation: isolation === 'default' ? undefined : unlessEmpty(isolation),
    cpusetcpus: unlessEmpty(flags.string('cpuset-cpus')),
    cpusetmems: unlessEmpty(flags.string('cpuset-mems')),
    networkmode: network === 'default' ? undefined : unlessEmpty(network),
    cpushares: unlessZero(flags.number('cpu-shares')),
    cpuquota: unlessZero(flags.number('cpu-quota')),
    cpuperiod: unlessZero(flags.number('cpu-period')),
    memory: unlessZero(flags.number('memory')),
    memswap: unlessZero(flags.number('memory-swap')),
    cgroupparent: unlessEmpty(flags.string('cgroup-parent')),
    shmsize: unlessZero(flags.number('shm-size')),
    dockerfile: unlessEmpty(dockerfile),
    target: unlessEmpty(flags.string('target')),
    ulimits: json(flags.objects('ulimit')),
    buildargs: json(buildArgs(flags.list('build-arg'))),
    labels: json(pairs(flags.list('label'))),
    cachefrom: json(flags.list('cache-from')),
    platform: unlessEmpty(platform.toLowerCase()),
    version: 1,
  };
}

/** A name without a value has none here either: the builder is told only that it was named. */
function buildArgs(words: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(words.map((word) => cut(word, '=')).map(([name, value]) => [name, value ?? null]));
}

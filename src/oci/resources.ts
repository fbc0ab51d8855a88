/** Limits in OCI terms. The runtime turns the v1 values into v2 ones where the machine has cgroup v2. */
import { invalid } from '../base/errors.ts';
import type { ResourceSpec } from '../model/resources.ts';
import { buildBlockIo } from './block-io.ts';
import type { OciDeviceRule, OciResources, OciRlimit } from './oci-spec.ts';

export type Ulimit = ResourceSpec['ulimits'][number];

const CPU_PERIOD_US = 100_000;
/** The kernel has no more process ids and takes no higher limit. */
const MAX_PIDS = 2 ** 22;

/** Fields that are not given stay as they are (update, which has no rules for devices) or unlimited (create). */
export function buildResources(spec: Partial<ResourceSpec>, deviceRules?: readonly OciDeviceRule[]): OciResources {
  const memory = withoutUndefined({
    limit: positive(spec.memoryBytes),
    reservation: positive(spec.memoryReservationBytes),
    swap: swapLimit(spec),
    swappiness: spec.memorySwappiness ?? undefined,
    disableOOMKiller: spec.oomKillDisable || undefined,
  });
  const nano = positive(spec.nanoCpus);
  const cpu = withoutUndefined({
    shares: positive(spec.cpuShares),
    period: nano === undefined ? positive(spec.cpuPeriodUs) : CPU_PERIOD_US,
    quota:
      nano === undefined
        ? quotaOf(spec.cpuQuotaUs, deviceRules !== undefined)
        : Math.floor((nano * CPU_PERIOD_US) / 1e9),
    realtimePeriod: positive(spec.cpuRealtimePeriodUs),
    realtimeRuntime: spec.cpuRealtimeRuntimeUs || undefined,
    cpus: spec.cpusetCpus || undefined,
    mems: spec.cpusetMems || undefined,
  });
  return (
    withoutUndefined({
      devices: deviceRules,
      memory,
      cpu,
      pids: pidsOf(spec.pidsLimit, deviceRules !== undefined),
      blockIO: buildBlockIo(spec),
    }) ?? {}
  );
}

// OCI's swap is memory and swap together, as Docker's is; Docker's 0 means as much swap again as memory.
function swapLimit(spec: Partial<ResourceSpec>): number | undefined {
  if (spec.memorySwapBytes !== undefined && spec.memorySwapBytes < 0) return -1;
  if (spec.memorySwapBytes) return spec.memorySwapBytes;
  if (!spec.memoryBytes) return undefined;
  return spec.memoryBytes < 2 ** 62 ? 2 * spec.memoryBytes : -1;
}

/** Null, 0 and below mean no limit, the default of a new cgroup. */
function pidsOf(limit: number | null | undefined, isNew: boolean): { limit: number } | undefined {
  if (limit === undefined) return undefined;
  if (limit !== null && limit > 0) return { limit: Math.min(limit, MAX_PIDS) };
  return isNew ? undefined : { limit: -1 };
}

/** Below 0 means no limit, however it is written; a new cgroup has none. */
function quotaOf(quotaUs: number | undefined, isNew: boolean): number | undefined {
  return !quotaUs || (isNew && quotaUs < 0) ? undefined : Math.max(quotaUs, -1);
}

const RLIMITS = new Set([
  'as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio',
  'rttime', 'sigpending', 'stack',
]); // prettier-ignore

/** The container's ulimits over the daemon's defaults. A name that is none: kind `invalid`, Docker's text. */
export function buildRlimits(ulimits: readonly Ulimit[], defaults: readonly Ulimit[] = []): OciRlimit[] {
  const byName = new Map<string, Ulimit>();
  for (const ulimit of [...defaults, ...ulimits]) byName.set(ulimit.name.toLowerCase(), ulimit);
  return [...byName].map(([name, { soft, hard }]) => {
    if (!RLIMITS.has(name)) throw invalid(`invalid ulimit type: ${name}`);
    refuseSoftAboveHard(soft, hard);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: unlimited(soft), hard: unlimited(hard) };
  });
}

/** In the words of Docker's client. */
function refuseSoftAboveHard(soft: number, hard: number): void {
  if (hard < 0 || (soft >= 0 && soft <= hard)) return;
  const values = soft < 0 ? `soft: ${soft} (unlimited), hard: ${hard}` : `${soft} > ${hard}`;
  throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${values}`);
}

/**
 * Represents RLIM_INFINITY, 2^64-1, which no JavaScript number can hold: serializeSpec writes the real one in its
 * place.
 */
export const UNLIMITED = 18_446_744_073_709_550_000;

const unlimited = (value: number): number => (value < 0 ? UNLIMITED : value);

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

function withoutUndefined<T extends object>(value: T): T | undefined {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

/** Containers as users see them: list, inspect, wait, top, prune. */
import type { Clock } from '../../base/clock.ts';
import { conflict, errorKind, errorMessage, invalid, systemError } from '../../base/errors.ts';
import { filterFairly } from '../../base/fair-filter.ts';
import type { Log } from '../../base/log.ts';
import { runProgram } from '../../base/program.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { shortId } from '../../model/ids.ts';
import type { Filters } from '../../model/filters.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { ExecTable } from '../exec/exec-table.ts';
import type { ContainerRootfs, Images, LiveNetwork, LiveRuntime, RootfsContents } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';
import { parseUntilMs } from '../system/time-filter.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPredicate } from './container-filters.ts';
import { shownLogPath } from './container-logs.ts';
import { containerPaths } from './container-paths.ts';
import { removeContainer, type RemoveNeeds } from './container-remove.ts';
import { isUp } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import type { Exit, ExitWaits } from './exit-waits.ts';
import { settlePart, type SettleNeeds } from './settle-part.ts';
import { networkOwnerId } from './shared-network.ts';
import { notRunning, whileItRuns } from './while-it-runs.ts';
import type { ContainerView, ListedContainer } from '../../model/views.ts';

export interface ViewNeeds {
  readonly config: Pick<EngineConfig, 'dataRoot'>;
  readonly containers: Pick<ContainerTable, 'all' | 'find' | 'get' | 'namesOf' | 'namesOfMany' | 'tryFind'>;
  readonly images: Pick<Images, 'find' | 'list'>;
  readonly network: Pick<LiveNetwork, 'sandbox'>;
  readonly rootfs: Pick<RootfsContents, 'missing' | 'sizeBytes' | 'graph'>;
  readonly execs: Pick<ExecTable, 'runningIn'>;
  readonly log: Log;
}

export interface WaitNeeds {
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly waits: Pick<ExitWaits, 'next'>;
}

export interface TopNeeds {
  readonly config: Pick<EngineConfig, 'patience'>;
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly runtime: Pick<LiveRuntime, 'runs' | 'processes'>;
  readonly events: EventBus;
}

export type PruneNeeds = RemoveNeeds & {
  readonly rootfs: Pick<RootfsContents, 'sizeBytes'>;
  readonly clock: Clock;
};

export type RootNeeds = SettleNeeds & {
  readonly containers: Pick<ContainerTable, 'locked'>;
  readonly rootfs: Pick<ContainerRootfs, 'mount' | 'lend' | 'unmount'>;
};

export async function inspectContainer(
  needs: ViewNeeds,
  ref: string,
  options: { size: boolean },
): Promise<ContainerView> {
  const record = needs.containers.find(ref);
  const missing = needs.rootfs.missing(record.id, record.imageId);
  return { ...(await viewOf(needs, record, options.size)), ...(missing === undefined ? {} : { missing }) };
}

async function viewOf(needs: ViewNeeds, record: ContainerRecord, size: boolean): Promise<ContainerView> {
  const { id } = record;
  const sandbox = needs.network.sandbox(id);
  const filesOf = networkOwnerId(needs.containers, record) ?? id;
  const { hosts, hostname, resolvConf } = containerPaths(needs.config.dataRoot, filesOf);
  const lookups: Lookups = {
    namesOf: (one) => needs.containers.namesOf(one),
    imageIdOf: (ref) => imageNamed(needs, ref)?.id,
  };
  return {
    ...(await listedView(needs, record, size, lookups)),
    sandboxId: sandbox?.id ?? '',
    sandboxKey: sandbox?.netns ?? '',
    execIds: needs.execs.runningIn(id),
    paths: { hosts, hostname, resolvConf, log: shownLogPath(needs.config, record) },
    graph: needs.rootfs.graph(id),
    platform: 'linux',
  };
}

/** What takes a search, and is looked up once where many containers are shown. */
interface Lookups {
  namesOf(record: ContainerRecord): readonly string[];
  imageIdOf(ref: string): string | undefined;
}

function lookupsForMany(needs: ViewNeeds): Lookups {
  const imageIds = new Map<string, string | undefined>();
  return {
    namesOf: needs.containers.namesOfMany(),
    imageIdOf(ref) {
      if (!imageIds.has(ref)) imageIds.set(ref, imageNamed(needs, ref)?.id);
      return imageIds.get(ref);
    },
  };
}

const NO_ENDPOINTS: ListedContainer['endpoints'] = [];

async function listedView(
  needs: ViewNeeds,
  record: ContainerRecord,
  size: boolean,
  lookups: Lookups,
): Promise<ListedContainer> {
  const owner = networkOwnerId(needs.containers, record);
  const networkLost =
    owner !== undefined && isUp(record) && !needs.network.sandbox(owner)
      ? (needs.containers.get(owner)?.name ?? shortId(owner))
      : undefined;
  const sizes = size ? await needs.rootfs.sizeBytes(record.id) : undefined;
  return {
    record,
    names: lookups.namesOf(record),
    // A tag that moved on to another image no longer names what this container runs.
    imageRef: lookups.imageIdOf(record.spec.image) === record.imageId ? record.spec.image : record.imageId,
    endpoints: needs.network.sandbox(record.id)?.endpoints ?? NO_ENDPOINTS,
    ...(networkLost === undefined ? {} : { networkLost }),
    ...(sizes === undefined ? {} : { sizeRwBytes: sizes.own, sizeRootFsBytes: sizes.withImage }),
  };
}

const bareView = (record: ContainerRecord): ListedContainer => ({
  record,
  names: [record.name],
  imageRef: record.imageId,
  endpoints: NO_ENDPOINTS,
});

function imageNamed(needs: Pick<ViewNeeds, 'images'>, ref: string): { readonly id: string } | undefined {
  try {
    return needs.images.find(ref);
  } catch {
    return undefined; // no reference at all, or an image that cannot be read: the list goes on
  }
}

export async function listContainers(
  needs: ViewNeeds,
  options: { all: boolean; limit: number; size: boolean; filters: Filters },
): Promise<ListedContainer[]> {
  const { filters } = options;
  const lookups = lookupsForMany(needs);
  const matches = await containerPredicate(filters, {
    find: (ref) => needs.containers.find(ref),
    namesOf: (record) => lookups.namesOf(record),
    publishedOf: (record) =>
      (needs.network.sandbox(record.id)?.endpoints ?? []).flatMap((endpoint) => endpoint.published),
    imageIds: (ref) => imageAndDescendants(needs, ref),
  });
  // Asking for a state, an exit code, or the last N means all containers.
  const all =
    options.all || options.limit > 0 || (filters['status']?.length ?? 0) > 0 || (filters['exited']?.length ?? 0) > 0;
  const candidates = needs.containers
    .all()
    .filter((record) => record.state.status !== 'removing' || filters['status']?.includes('removing'))
    .filter((record) => all || isUp(record) || record.state.status === 'restarting');
  const chosen = newestFirst(await filterFairly(candidates, matches));
  const limited = options.limit > 0 ? chosen.slice(0, options.limit) : chosen;
  return Promise.all(
    limited.map((record) =>
      listedView(needs, record, options.size, lookups).catch((error: unknown): ListedContainer => {
        // It is listed with what is known: one container must not make the whole list fail.
        needs.log.error({ container: record.id, error: errorMessage(error) }, 'a container cannot be shown whole');
        return bareView(record);
      }),
    ),
  );
}

/** RFC 3339 with a varying number of digits after the point. */
function newestFirst(records: readonly ContainerRecord[]): ContainerRecord[] {
  const timed = records.map((record) => ({
    record,
    ms: Date.parse(record.createdAt),
    text: record.createdAt.padEnd(30, '0'),
  }));
  return timed.sort((a, b) => b.ms - a.ms || (b.text < a.text ? -1 : 1)).map(({ record }) => record);
}

function imageAndDescendants(needs: Pick<ViewNeeds, 'images'>, ref: string): string[] {
  const image = needs.images.find(ref);
  if (!image) return [];
  const descends = (diffIds: readonly string[]): boolean =>
    image.diffIds.every((layer, index) => diffIds[index] === layer);
  return needs.images
    .list()
    .filter((other) => other.id === image.id || descends(other.diffIds))
    .map((other) => other.id);
}

export async function waitContainer(
  needs: WaitNeeds,
  ref: string,
  condition: 'not-running' | 'next-exit' | 'removed',
  signal: AbortSignal,
): Promise<{ exited: Promise<Exit> }> {
  const record = needs.containers.find(ref);
  if (condition === 'removed') return { exited: needs.waits.next(record.id, 'removal', signal) };
  const runs = isUp(record) || record.state.status === 'restarting';
  if (condition === 'not-running' && !runs)
    return { exited: Promise.resolve({ exitCode: record.state.exitCode, error: record.state.error }) };
  return { exited: needs.waits.next(record.id, 'exit', signal) };
}

export async function topContainer(
  needs: TopNeeds,
  ref: string,
  psArgs: string,
): Promise<{ titles: string[]; processes: string[][] }> {
  const record = needs.containers.find(ref);
  if (record.state.status === 'restarting')
    throw conflict(`Container ${record.id} is restarting, wait until the container is running`);
  if (!isUp(record)) throw notRunning(record.id);
  const words = (psArgs || '-ef').trim().split(/\s+/);
  const pids = new Set(await whileItRuns(needs, record.id, () => needs.runtime.processes(record.id)));
  if (pids.size === 0 && !needs.runtime.runs(record.id)) throw notRunning(record.id);
  // It reads the /proc entry of each process of the host; one that is stuck in the kernel holds that up.
  const result = await runProgram('ps', words, { timeoutMs: needs.config.patience.conmonMs });
  if (result.code !== 0) throw systemError(`ps: ${result.stderr.trim() || `exit status ${result.code}`}`);
  const [header = '', ...lines] = result.stdout.trimEnd().split('\n');
  const titles = header.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn < 0) throw invalid("Couldn't find PID field in ps output");
  const processes = lines
    .map((line) => splitColumns(line, titles.length))
    .filter((columns) => pids.has(Number(columns[pidColumn])));
  publishContainerEvent(needs.events, record, 'top');
  return { titles, processes };
}

/** The last column is the rest of the line: commands have spaces. */
function splitColumns(line: string, count: number): string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}

export async function pruneContainers(
  needs: PruneNeeds,
  filters: Filters,
): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
  for (const name of Object.keys(filters))
    if (!['until', 'label', 'label!'].includes(name)) throw invalid(`invalid filter '${name}'`);
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], needs.clock.now());
  const deleted: string[] = [];
  let spaceReclaimedBytes = 0;
  for (const record of needs.containers.all()) {
    if (isUp(record) || record.state.status === 'restarting' || record.state.status === 'removing') continue;
    if (Date.parse(record.createdAt) > untilMs) continue;
    if (
      !matchesLabels(record.spec.labels, filters['label'] ?? []) ||
      !lacksLabels(record.spec.labels, filters['label!'] ?? [])
    )
      continue;
    const sizeBytes = await needs.rootfs.sizeBytes(record.id).then(
      (sizes) => sizes.own,
      () => 0,
    );
    try {
      await removeContainer(needs, record.id, { force: false, volumes: false, link: false });
    } catch (error) {
      // Started again or removed by another request in the meantime.
      if (errorKind(error) === 'conflict' || errorKind(error) === 'notFound') continue;
      throw error;
    }
    deleted.push(record.id);
    spaceReclaimedBytes += sizeBytes;
  }
  needs.events.publish({
    type: 'container',
    action: 'prune',
    actorId: '',
    attributes: { reclaimed: String(spaceReclaimedBytes) },
  });
  return { deleted, spaceReclaimedBytes };
}

/**
 * The directory under which a container's files are found. That of a stopped one is mounted for as long as `work`
 * takes.
 */
export async function withRootfs<T>(
  needs: RootNeeds,
  record: ContainerRecord,
  work: (root: string) => Promise<T>,
): Promise<T> {
  const { id } = record;
  if (isUp(record)) {
    const { root, giveBack } = needs.rootfs.lend(id);
    try {
      return await work(root);
    } finally {
      giveBack();
    }
  }
  return needs.containers.locked(id, async (held) => {
    const root = needs.rootfs.mount(id);
    try {
      return await work(root);
    } finally {
      if (!isUp(held.record))
        await settlePart(needs, held, 'unmounting the file system of a container', () => needs.rootfs.unmount(id));
    }
  });
}

/** Containers as users see them: list, inspect, wait, top, prune. */
import { runProgram } from '../../base/program.ts';
import { conflict, errorKind, errorMessage, invalid, systemError } from '../../base/errors.ts';
import { filterFairly } from '../../base/fair-filter.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { shortId } from '../../model/ids.ts';
import type { EngineContext } from '../engine-context.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';
import { parseUntilMs } from '../system/time-filter.ts';
import { containerPredicate } from './container-filters.ts';
import { containerPaths } from './container-paths.ts';
import { removeContainer } from './container-remove.ts';
import { isUp } from './container-stop.ts';
import type { Exit } from './exit-waits.ts';
import { settlePart } from './settle-part.ts';
import { networkOwnerId } from './shared-network.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

export interface ContainerView {
  readonly record: ContainerRecord;
  readonly names: readonly string[];
  readonly imageRef: string;
  readonly endpoints: readonly Endpoint[];
  readonly sandboxId: string;
  /** Of a running container that shares another one's network, which is down or gone: the name, or id, of that one. */
  readonly networkLost?: string;
  /** What it cannot be started without and is not there, in a sentence. */
  readonly missing?: string;
  readonly sandboxKey: string;
  readonly execIds: readonly string[];
  readonly paths: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string; readonly log: string };
  readonly graph: Readonly<Record<string, string>>;
  readonly platform: string;
  readonly sizeRwBytes?: number;
  readonly sizeRootFsBytes?: number;
}

export async function inspectContainer(context: EngineContext, ref: string, options: { size: boolean }): Promise<ContainerView> {
  const record = context.containers.find(ref);
  const missing = context.rootfs.missing(record.id, record.imageId);
  return { ...(await viewOf(context, record, options.size)), ...(missing === undefined ? {} : { missing }) };
}

async function viewOf(context: EngineContext, record: ContainerRecord, size: boolean): Promise<ContainerView> {
  const { id } = record;
  const sandbox = context.network.sandbox(id);
  const owner = networkOwnerId(context, record);
  const filesOf = owner ?? id;
  const networkLost = owner !== undefined && isUp(record) && !context.network.sandbox(owner) ? (context.containers.get(owner)?.name ?? shortId(owner)) : undefined;
  const { hosts, hostname, resolvConf } = containerPaths(context.config.dataRoot, filesOf);
  const current = imageNamed(context, record.spec.image);
  const sizes = size ? await context.rootfs.sizeBytes(id) : undefined;
  return {
    record,
    names: context.containers.namesOf(record),
    // A tag that moved on to another image no longer names what this container runs.
    imageRef: current?.id === record.imageId ? record.spec.image : record.imageId,
    endpoints: sandbox?.endpoints ?? [],
    sandboxId: sandbox?.id ?? '',
    sandboxKey: sandbox?.netns ?? '',
    ...(networkLost === undefined ? {} : { networkLost }),
    execIds: context.execs.runningIn(id),
    paths: { hosts, hostname, resolvConf, log: containerPaths(context.config.dataRoot, id).log },
    graph: context.rootfs.graph(id),
    platform: 'linux',
    ...(sizes === undefined ? {} : { sizeRwBytes: sizes.own, sizeRootFsBytes: sizes.withImage }),
  };
}

function bareView(context: EngineContext, record: ContainerRecord): ContainerView {
  const { hosts, hostname, resolvConf, log } = containerPaths(context.config.dataRoot, record.id);
  const paths = { hosts, hostname, resolvConf, log };
  return { record, names: [record.name], imageRef: record.imageId, endpoints: [], sandboxId: '', sandboxKey: '', execIds: [], paths, graph: {}, platform: 'linux' };
}

function imageNamed(context: EngineContext, ref: string): { readonly id: string } | undefined {
  try {
    return context.images.find(ref);
  } catch {
    return undefined; // no reference at all, or an image that cannot be read: the list goes on
  }
}

export async function listContainers(
  context: EngineContext,
  options: { all: boolean; limit: number; size: boolean; filters: Filters },
): Promise<ContainerView[]> {
  const { filters } = options;
  const matches = await containerPredicate(filters, {
    find: (ref) => context.containers.find(ref),
    namesOf: (record) => context.containers.namesOf(record),
    publishedOf: (record) => (context.network.sandbox(record.id)?.endpoints ?? []).flatMap((endpoint) => endpoint.published),
    imageIds: (ref) => imageAndDescendants(context, ref),
  });
  // Asking for a state, an exit code, or the last N means all containers.
  const all = options.all || options.limit > 0 || (filters['status']?.length ?? 0) > 0 || (filters['exited']?.length ?? 0) > 0;
  const candidates = context.containers
    .all()
    .filter((record) => record.state.status !== 'removing' || filters['status']?.includes('removing'))
    .filter((record) => all || isUp(record) || record.state.status === 'restarting');
  const chosen = (await filterFairly(candidates, matches)).sort((a, b) => compareTimes(b.createdAt, a.createdAt));
  const limited = options.limit > 0 ? chosen.slice(0, options.limit) : chosen;
  return Promise.all(
    limited.map((record) =>
      viewOf(context, record, options.size).catch((error: unknown): ContainerView => {
        // It is listed with what is known: one container must not take the list from everybody.
        context.log.error({ container: record.id, error: errorMessage(error) }, 'a container cannot be shown whole');
        return bareView(context, record);
      }),
    ),
  );
}

/** RFC 3339 with a varying number of digits after the point. */
function compareTimes(a: string, b: string): number {
  return Date.parse(a) - Date.parse(b) || (a.padEnd(30, '0') < b.padEnd(30, '0') ? -1 : 1);
}

function imageAndDescendants(context: EngineContext, ref: string): string[] {
  const image = context.images.find(ref);
  if (!image) return [];
  const descends = (diffIds: readonly string[]): boolean => image.diffIds.every((layer, index) => diffIds[index] === layer);
  return context.images.list().filter((other) => other.id === image.id || descends(other.diffIds)).map((other) => other.id);
}

export async function waitContainer(
  context: EngineContext,
  ref: string,
  condition: 'not-running' | 'next-exit' | 'removed',
  signal: AbortSignal,
): Promise<{ exited: Promise<Exit> }> {
  const record = context.containers.find(ref);
  if (condition === 'removed') return { exited: context.waits.next(record.id, 'removal', signal) };
  const runs = isUp(record) || record.state.status === 'restarting';
  if (condition === 'not-running' && !runs) return { exited: Promise.resolve({ exitCode: record.state.exitCode, error: record.state.error }) };
  return { exited: context.waits.next(record.id, 'exit', signal) };
}

export async function topContainer(context: EngineContext, ref: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }> {
  const record = context.containers.find(ref);
  if (!isUp(record)) throw conflict(`container ${record.id} is not running`);
  if (record.state.status === 'restarting') throw conflict(`Container ${record.id} is restarting, wait until the container is running`);
  const words = (psArgs || '-ef').trim().split(/\s+/);
  const pids = new Set(context.runtime.processes(record.id));
  // It reads what each process of the host says of itself; one that is stuck in the kernel holds that up.
  const result = await runProgram('ps', words, { timeoutMs: context.config.patience.conmonMs });
  if (result.code !== 0) throw systemError(`ps: ${result.stderr.trim() || `exit status ${result.code}`}`);
  const [header = '', ...lines] = result.stdout.trimEnd().split('\n');
  const titles = header.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn < 0) throw invalid("Couldn't find PID field in ps output");
  const processes = lines
    .map((line) => splitColumns(line, titles.length))
    .filter((columns) => pids.has(Number(columns[pidColumn])));
  return { titles, processes };
}

/** The last column is the rest of the line: commands have spaces. */
function splitColumns(line: string, count: number): string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}

export async function pruneContainers(context: EngineContext, filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
  for (const name of Object.keys(filters)) if (!['until', 'label', 'label!'].includes(name)) throw invalid(`invalid filter '${name}'`);
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], context.clock.now());
  const deleted: string[] = [];
  let spaceReclaimedBytes = 0;
  for (const record of context.containers.all()) {
    if (isUp(record) || record.state.status === 'restarting' || record.state.status === 'removing') continue;
    if (Date.parse(record.createdAt) > untilMs) continue;
    if (!matchesLabels(record.spec.labels, filters['label'] ?? []) || !lacksLabels(record.spec.labels, filters['label!'] ?? [])) continue;
    const sizeBytes = await context.rootfs.sizeBytes(record.id).then((sizes) => sizes.own, () => 0);
    try {
      await removeContainer(context, record.id, { force: false, volumes: false, link: false });
    } catch (error) {
      // Started again or removed by somebody else since we looked.
      if (errorKind(error) === 'conflict' || errorKind(error) === 'notFound') continue;
      throw error;
    }
    deleted.push(record.id);
    spaceReclaimedBytes += sizeBytes;
  }
  context.events.publish({ type: 'container', action: 'prune', actorId: '', attributes: { reclaimed: String(spaceReclaimedBytes) } });
  return { deleted, spaceReclaimedBytes };
}

/** The directory under which a container's files are found. That of a stopped one is mounted for as long as `work` takes. */
export async function withRootfs<T>(context: EngineContext, record: ContainerRecord, work: (root: string) => Promise<T>): Promise<T> {
  const { id } = record;
  if (isUp(record)) return work(context.rootfs.mount(id));
  return context.containers.locked(id, async (held) => {
    const root = context.rootfs.mount(id);
    try {
      return await work(root);
    } finally {
      if (!isUp(held.record)) await settlePart(context, held, 'unmounting the file system of a container', () => context.rootfs.unmount(id));
    }
  });
}

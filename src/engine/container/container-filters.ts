/** Docker's filters for `ps`. */
import { invalid } from '../../base/errors.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import { anyPattern } from '../../base/linear-match.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { parsePort, type PublishedPort } from '../../model/port.ts';
import type { Filters } from '../../model/filters.ts';
import { matchesLabels } from '../system/label-filter.ts';

const KNOWN = new Set([
  'ancestor',
  'before',
  'expose',
  'exited',
  'health',
  'id',
  'isolation',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
]);
const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy'];

export interface FilterContext {
  find(ref: string): ContainerRecord;
  namesOf(record: ContainerRecord): readonly string[];
  publishedOf(record: ContainerRecord): readonly PublishedPort[];
  /** The image ids that an `ancestor` reference denotes. */
  imageIds(ref: string): readonly string[];
}

/** A predicate for the filters; unknown names and values are refused in Docker's words. */
export async function containerPredicate(
  filters: Filters,
  context: FilterContext,
): Promise<(record: ContainerRecord) => boolean> {
  for (const name of Object.keys(filters)) if (!KNOWN.has(name)) throw invalid(`invalid filter '${name}'`);
  const values = (name: string): readonly string[] => filters[name] ?? [];
  oneOf('status', 'state', values('status'), STATUSES);
  oneOf('health', 'health', values('health'), HEALTHS);
  for (const task of values('is-task')) {
    if (readGoBoolean(task) === undefined) throw invalid(`invalid filter 'is-task=[${task}]'`);
  }
  const exited = values('exited').map((text) => {
    if (!/^[+-]?\d+$/.test(text))
      throw invalid(`invalid filter 'exited=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    return Number(text);
  });
  const [before, since] = (['before', 'since'] as const).map((name) => values(name).map((ref) => context.find(ref)));
  const ancestors = values('ancestor').flatMap((ref) => context.imageIds(ref));
  const published = values('publish').flatMap(portRange);
  const exposed = values('expose').flatMap(portRange);
  const any = (name: string, test: (value: string) => boolean): boolean =>
    values(name).length === 0 || values(name).some(test);

  const [matchesId, matchesName] = await Promise.all([anyPattern(values('id')), anyPattern(values('name'))]);

  return (record) =>
    (values('id').length === 0 || values('id').some((id) => record.id.startsWith(id)) || matchesId(record.id)) &&
    (values('name').length === 0 ||
      context.namesOf(record).some((own) => matchesName(own) || matchesName(`/${own}`))) &&
    any('status', (status) => record.state.status === status) &&
    any('health', (health) => (record.state.health?.status ?? 'none') === health) &&
    any('is-task', (task) => readGoBoolean(task) === false) &&
    (exited.length === 0 || (record.state.status === 'exited' && exited.includes(record.state.exitCode))) &&
    before!.every((other) => record.createdAt < other.createdAt) &&
    since!.every((other) => record.createdAt > other.createdAt) &&
    (values('ancestor').length === 0 || ancestors.includes(record.imageId)) &&
    any('network', (ref) =>
      record.connections.some(
        (one) => one.networkName === ref || (one.networkId !== '' && one.networkId.startsWith(ref)),
      ),
    ) &&
    any('volume', (ref) =>
      record.mounts.some((mount) => mount.name === ref || mount.destination === ref || mount.source === ref),
    ) &&
    (values('publish').length === 0 ||
      context.publishedOf(record).some((port) => published.includes(`${port.hostPort}/${port.protocol}`))) &&
    (values('expose').length === 0 || record.spec.connection.exposedPorts.some((port) => exposed.includes(port))) &&
    matchesLabels(record.spec.labels, values('label'));
}

function oneOf(filter: string, what: string, values: readonly string[], known: readonly string[]): void {
  const wrong = values.find((value) => !known.includes(value));
  if (wrong === undefined) return;
  throw invalid(
    `invalid filter '${filter}=${wrong}': invalid value for ${what} (${wrong}): must be one of ${known.join(', ')}`,
  );
}

/** '80', '80/udp', '80-90/tcp' -> ['80/tcp', ...]. */
function portRange(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text);
  if (!match) throw invalid(`invalid port filter: ${text}`);
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  const protocol = match[3] ?? 'tcp';
  for (const bound of [first, last]) parsePort(`${bound}/${protocol}`);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => `${first + index}/${protocol}`);
}

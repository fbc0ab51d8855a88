/** Rows of `ps`. */
import { isIPv6 } from 'node:net';
import { familiarReference, parseReference } from '../../model/image-reference.ts';
import type { ContainerSummaryJson, PortJson } from '../../wire/container-summary.ts';
import { humanDuration } from '../format/duration.ts';
import { ellipsis, goTime, joinLabels, shortId, type ListShape, type Row } from '../format/list-output.ts';
import { humanSize } from '../format/size.ts';
import { NilPointer } from '../../base/template/go-value.ts';

export const containerShape: ListShape = {
  type: '*formatter.ContainerContext',
  headers: {
    ID: 'CONTAINER ID',
    Names: 'NAMES',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Ports: 'PORTS',
    State: 'STATE',
    Status: 'STATUS',
    Size: 'SIZE',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
    Platform: 'PLATFORM',
  },
};

const COLUMNS = 'table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}';

const RAW = [
  'container_id: {{.ID}}',
  'image: {{.Image}}',
  'command: {{.Command}}',
  'created_at: {{.CreatedAt}}',
  'state: {{- pad .State 1 0}}',
  'status: {{- pad .Status 1 0}}',
  'names: {{.Names}}',
  'labels: {{- pad .Labels 1 0}}',
  'ports: {{- pad .Ports 1 0}}',
  '',
].join('\n');

export function containerFormat(format: string, quiet: boolean, size: boolean): string {
  if (format === 'raw') return quiet ? 'container_id: {{.ID}}' : size ? `${RAW}size: {{.Size}}\n` : RAW;
  if (format === '' || format === 'table') return quiet ? '{{.ID}}' : size ? `${COLUMNS}\\t{{.Size}}` : COLUMNS;
  return quiet ? '{{.ID}}' : format;
}

export function containerRow(container: ContainerSummaryJson, truncate: boolean): Row {
  const created = new Date(container.Created * 1000);
  const mounts = container.Mounts ?? [];
  return {
    Command: () => JSON.stringify(truncate ? ellipsis(container.Command, 20) : container.Command),
    CreatedAt: () => goTime(created),
    ID: () => (truncate ? shortId(container.Id) : container.Id),
    Image: () => imageName(container, truncate),
    Labels: () => joinLabels(container.Labels),
    LocalVolumes: () => String(mounts.filter(({ Driver }) => Driver === 'local').length),
    Mounts: () =>
      mounts
        .map(({ Name, Source }) => Name || Source)
        .map((name) => (truncate ? ellipsis(name, 15) : name))
        .join(','),
    Names: () => containerNames(container.Names ?? [], truncate),
    Networks: () => Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
    Platform: () => new NilPointer('*formatter.Platform'),
    Ports: () => displayPorts(container.Ports ?? []),
    RunningFor: () => `${humanDuration((Date.now() - created.getTime()) / 1000)} ago`,
    Size: () => {
      const own = humanSize(container.SizeRw ?? 0, 3);
      return (container.SizeRootFs ?? 0) > 0 ? `${own} (virtual ${humanSize(container.SizeRootFs ?? 0, 3)})` : own;
    },
    State: () => container.State,
    Status: () => container.Status,
    Label: (name: string) => container.Labels?.[name] ?? '',
  };
}

/** The names of links (web/db) are shown only untruncated. */
function containerNames(names: readonly string[], truncate: boolean): string {
  const plain = names.map((name) => name.replace(/^\//, ''));
  return (truncate ? plain.filter((name) => !name.includes('/')).slice(0, 1) : plain).join(',');
}

function imageName({ Image, ImageID }: ContainerSummaryJson, truncate: boolean): string {
  if (Image === '') return '<no image>';
  if (!truncate) return Image;
  if (shortId(ImageID) === shortId(Image)) return shortId(ImageID);
  try {
    return familiarReference({ ...parseReference(Image), digest: '' });
  } catch {
    return Image;
  }
}

export const joinHostPort = (ip: string, port: string | number) => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`);

/** Ports that are the same outside and inside are shown as ranges, the others one by one behind them. */
export function displayPorts(ports: readonly PortJson[]): string {
  const groups = new Map<string, { first: number; last: number }>();
  const order: string[] = [];
  const result: string[] = [];
  const mapped: string[] = [];
  const show = (key: string, { first, last }: { first: number; last: number }) => {
    const slash = key.lastIndexOf('/');
    const ip = slash < 0 ? '' : key.slice(0, slash);
    const range = first === last ? `${first}` : `${first}-${last}`;
    return `${ip === '' ? range : `${joinHostPort(ip, range)}->${range}`}/${key.slice(slash + 1)}`;
  };
  for (const port of ports.toSorted(comparePorts)) {
    const current = port.PrivatePort;
    let key = port.Type;
    if (port.IP) {
      if (port.PublicPort !== current) {
        mapped.push(`${joinHostPort(port.IP, port.PublicPort ?? 0)}->${current}/${port.Type}`);
        continue;
      }
      key = `${port.IP}/${port.Type}`;
    }
    const group = groups.get(key);
    if (!group) {
      groups.set(key, { first: current, last: current });
      order.push(key);
    } else if (current === group.last + 1) group.last = current;
    else {
      result.push(show(key, group));
      groups.set(key, { first: current, last: current });
    }
  }
  for (const key of order) result.push(show(key, groups.get(key) ?? { first: 0, last: 0 }));
  return [...result, ...mapped].join(', ');
}

function comparePorts(a: PortJson, b: PortJson): number {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  const [ipA, ipB] = [a.IP ?? '', b.IP ?? ''];
  if (ipA !== ipB) return ipA < ipB ? -1 : 1;
  if (a.PublicPort !== b.PublicPort) return (a.PublicPort ?? 0) - (b.PublicPort ?? 0);
  return a.Type < b.Type ? -1 : a.Type > b.Type ? 1 : 0;
}

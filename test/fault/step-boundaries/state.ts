/**
 * What there is, in the kernel, on the disk and in the API's answers, as one list of lines without what is different
 * each time (ids, names of interfaces). Two of them are equal when an operation has been done as a whole, or not at
 * all.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestEngine } from '../../harness/test-engine.ts';
import { traces } from '../traces.ts';
import type { Caller } from './caller.ts';

interface ContainerJson {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Ports: readonly object[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

export async function stateOf(engine: TestEngine, api: Caller, parent: string): Promise<string[]> {
  const containers = (await api.json('GET', '/containers/json?all=1')) as ContainerJson[];
  const networks = (await api.json('GET', '/networks')) as { Name: string; Id: string }[];
  const volumes = (await api.json('GET', '/volumes')) as { Volumes: { Name: string }[] | null };
  const images = (await api.json('GET', '/images/json?all=1')) as { RepoTags: string[] | null }[];
  // Where two of a kind differ in nothing but their numbers, the lines say which container they belong to.
  const names = new Map(containers.map((container) => [container.Id, container.Names[0]!]));
  const lines = [
    ...traces(engine, parent).lines,
    ...imageFiles(join(engine.dataRoot, 'image')),
    ...containers.map(
      (container) =>
        `api container ${container.Names.join(' ')} ${container.State} ${JSON.stringify(container.Ports)} ${Object.entries(
          container.NetworkSettings.Networks,
        )
          .map(([name, { IPAddress }]) => `${name}=${IPAddress}`)
          .join(' ')}`,
    ),
    ...networks.map(({ Name }) => `api network ${Name}`),
    ...(volumes.Volumes ?? []).map(({ Name }) => `api volume ${Name}`),
    ...images.map(({ RepoTags }) => `api image ${(RepoTags ?? []).join(' ')}`),
  ];
  return lines
    .filter((line) => !OF_A_CONTAINER_ONCE_STARTED.test(line))
    .map((line) => plain(line.replaceAll(parent, '/PARENT').replaceAll(engine.dir, 'DIR'), names))
    .sort();
}

/** What a container has from its first start on until it is removed, running or not. */
const OF_A_CONTAINER_ONCE_STARTED =
  /\/containers\/[0-9a-f]{64}\/(hosts|hostname|resolv\.conf|[\w-]+\.log|spool(\/.*)?|local-logs(\/.*)?)(\.rendered)?$|\/bundles\/[0-9a-f]{64}\/exec$/;

/** The store of images as deep as its own files go. */
function imageFiles(root: string): string[] {
  const below = (path: string, depth: number): string[] => {
    const full = join(root, path);
    if (depth === 0 || !existsSync(full)) return [];
    return readdirSync(full, { withFileTypes: true }).flatMap((entry) => [
      `image ${join(path, entry.name)}`,
      ...(entry.isDirectory() && entry.name !== 'diff' ? below(join(path, entry.name), depth - 1) : []),
    ]);
  };
  return ['blobs', 'layers', 'ingest', 'unpack', 'init'].flatMap((name) => below(name, 2));
}

function plain(line: string, names: ReadonlyMap<string, string>): string {
  return line
    .replace(/[0-9a-f]{64}/g, (id) => names.get(id) ?? 'ID')
    .replace(/\b(veth|br-)[0-9a-f]+/g, '$1X')
    .replace(/\b[0-9a-f]{12}\b/g, 'ID')
    .replace(/"if-?(index|name)":\d+/gi, '')
    .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, 'MAC');
}

/** '' when both have the same lines, each as often. */
export function differenceOf(before: readonly string[], after: readonly string[]): string {
  const count = new Map<string, number>();
  for (const line of after) count.set(line, (count.get(line) ?? 0) + 1);
  for (const line of before) count.set(line, (count.get(line) ?? 0) - 1);
  return [...count]
    .filter(([, times]) => times !== 0)
    .map(([line, times]) => `${times > 0 ? '+' : '-'} ${line}`)
    .join('\n');
}

/** The query of POST /build?version=2 -> what buildx would ask of the Dockerfile frontend. */
import { invalid } from '../../base/errors.ts';
import { parseReference } from '../../model/image-reference.ts';
import { buildOutputsSchema, labelsSchema, textsSchema } from '../../wire/build.ts';
import type { Call } from '../call.ts';
import { document, readArgs, readLimits } from './build-order.ts';

export interface OneCallOrder {
  readonly attrs: ReadonlyMap<string, string>;
  /** None: what is built is cache alone. */
  readonly exporters: readonly { readonly kind: string; readonly attrs: ReadonlyMap<string, string> }[];
  /** Of the session on which the client answers; '' = none. */
  readonly session: string;
  /** The client's name of the build, by which it is cancelled; '' = none. */
  readonly id: string;
  /** How it goes on is told only if it fails. */
  readonly isQuiet: boolean;
  /** Where the context is: in the client's session, in a request of its own, in the body of this one, or at an address. */
  readonly context: 'session' | 'upload' | 'body' | 'address';
}

/** @throws invalid in Docker's words */
export function readOneCallOrder({ query }: Pick<Call, 'query'>): OneCallOrder {
  const remote = query.text('remote');
  const context = remote === '' ? 'body' : (PLACES[remote] ?? 'address');
  const tags = [...new Set(query.texts('t').filter((tag) => tag !== ''))];
  for (const tag of tags) parseReference(tag);
  const limits = readLimits(query);
  const { networkMode } = limits;
  if (!['', 'default', 'host', 'none'].includes(networkMode))
    throw invalid(`network mode ${JSON.stringify(networkMode)} not supported by buildkit`);
  const hosts = limits.extraHosts.map((host) => {
    const colon = host.indexOf(':');
    if (colon <= 0 || colon === host.length - 1) throw invalid(`invalid host ${host}`);
    return `${host.slice(0, colon)}=${host.slice(colon + 1)}`;
  });
  const ulimits = (limits.resources.ulimits ?? []).map(({ name, soft, hard }) => `${name}=${soft}:${hard}`);
  const labels = document(labelsSchema, query.text('labels'), {}, 'error reading labels');
  const args = [...readArgs(query.text('buildargs'))].filter((arg): arg is [string, string] => arg[1] !== undefined);
  const dockerfile = query.text('dockerfile');
  const attrs = new Map([
    ...args.map(([name, value]) => [`build-arg:${name}`, value] as const),
    ...Object.entries(labels).map(([name, value]) => [`label:${name}`, value] as const),
    ...given('target', query.text('target')),
    ...given('filename', dockerfile === '.' ? '' : dockerfile),
    ...given('context', context === 'address' ? remote : ''),
    ...given('cache-from', document(textsSchema, query.text('cachefrom'), [], 'error reading cache-from').join(',')),
    ...(query.flag('nocache') ? [['no-cache', ''] as const] : []),
    ...given('image-resolve-mode', query.flag('pull') ? 'pull' : ''),
    ...given('platform', query.text('platform')),
    ...given('force-network-mode', networkMode === 'default' ? '' : networkMode),
    ...given('add-hosts', hosts.join(',')),
    ...given('shm-size', limits.shmSizeBytes > 0 ? String(limits.shmSizeBytes) : ''),
    ...given('ulimit', ulimits.join(',')),
  ]);
  return {
    attrs,
    exporters: readOutputs(query.text('outputs'), tags),
    session: query.text('session'),
    id: query.text('buildid'),
    isQuiet: query.flag('q'),
    context,
  };
}

const PLACES: Readonly<Record<string, OneCallOrder['context']>> = {
  'client-session': 'session',
  'upload-request': 'upload',
};

const given = (name: string, value: string): [string, string][] => (value === '' ? [] : [[name, value]]);

function readOutputs(text: string, tags: readonly string[]): OneCallOrder['exporters'] {
  const outputs = document(buildOutputsSchema, text, [], 'invalid outputs specified');
  if (outputs.length > 1) throw invalid('multiple outputs not supported');
  const [output = { Type: 'moby', Attrs: {} }] = outputs;
  if (output.Type === 'cacheonly') return [];
  const kind = output.Type === 'image' ? 'moby' : output.Type;
  return [{ kind, attrs: new Map([...Object.entries(output.Attrs), ...given('name', tags.join(','))]) }];
}

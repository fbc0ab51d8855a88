/** What BuildKit's clients ask of its Dockerfile frontend -> a build order. Attributes that change nothing are not read. */
import { invalid, notImplemented } from '../../base/errors.ts';
import { parseJsonText } from '../../base/json-text.ts';
import type { ContextSource } from '../../model/context-source.ts';
import type { SolveExporter, SolveOrder } from '../../model/solve-order.ts';
import { cacheImportsSchema } from '../../wire/build.ts';
import { checkValue } from '../../wire/parse-body.ts';

type Attrs = ReadonlyMap<string, string>;

export interface SolveAsked {
  readonly frontend: string;
  readonly attrs: Attrs;
  readonly exporters: readonly { readonly kind: string; readonly attrs: Attrs }[];
  /** What inputs of a name were built as. */
  readonly inputs: ReadonlyMap<string, string>;
  /** The context, where it came with the request. */
  readonly archive?: AsyncIterable<Buffer> | undefined;
}

const FRONTEND = 'dockerfile.v0';

/** A program in an image that reads Dockerfiles is asked for by a `# syntax=` line or by its name: this builder is one. */
const SYNTAX = /^(docker\.io\/)?docker\/dockerfile(-upstream)?([:@].*)?$/;

const isDockerfiles = (frontend: string, attrs: Attrs): boolean =>
  frontend === FRONTEND || (frontend === 'gateway.v0' && SYNTAX.test(attrs.get('source') ?? ''));

/** @throws invalid, notImplemented */
export function readSolveOrder({ frontend, attrs, exporters, inputs, archive }: SolveAsked): SolveOrder {
  if (!isDockerfiles(frontend, attrs))
    throw notImplemented(
      frontend === ''
        ? 'This builder reads Dockerfiles: it does not take build graphs (LLB) of other frontends.'
        : `This builder reads Dockerfiles: it has no frontend ${JSON.stringify(frontend)}.`,
    );
  const request = attrs.get('requestid');
  if (request !== undefined) throw notImplemented(`unsupported request ${JSON.stringify(request)}`);
  const noCache = attrs.get('no-cache');
  return {
    filename: attrs.get('filename') || 'Dockerfile',
    dockerfileDirectory: attrs.get('dockerfilekey') || 'dockerfile',
    context: archive ? { archive } : mainContext(attrs, inputs),
    named: namedContexts(attrs, inputs),
    args: new Map(withPrefix(attrs, 'build-arg:')),
    labels: Object.fromEntries(withPrefix(attrs, 'label:')),
    target: attrs.get('target') ?? '',
    noCache: noCache === '',
    noCacheStages: noCache ? noCache.toLowerCase().split(',') : [],
    pull: attrs.get('image-resolve-mode') === 'pull',
    platform: onePlatform(attrs.get('platform') ?? ''),
    limits: {
      networkMode: networkMode(attrs.get('force-network-mode') ?? ''),
      extraHosts: pairs(attrs.get('add-hosts') ?? '').map(([host, address]) => `${host}:${address}`),
      shmSizeBytes: wholeNumber(attrs.get('shm-size') ?? '0', 'shm size'),
      cgroupParent: attrs.get('cgroup-parent') ?? '',
      resources: { ulimits: pairs(attrs.get('ulimit') ?? '').map(readUlimit) },
    },
    cacheFrom: cacheSources(attrs.get('cache-imports') ?? '', attrs.get('cache-from') ?? ''),
    exporters: exporters.map(readExporter),
  };
}

const withPrefix = (attrs: Attrs, prefix: string): [string, string][] =>
  [...attrs].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : []));

function mainContext(attrs: Attrs, inputs: SolveAsked['inputs']): ContextSource {
  const input = inputs.get('context');
  if (input !== undefined) return { builtId: input };
  const remote = attrs.get(attrs.get('contextkey') || 'context') ?? '';
  if (remote === '') return { directory: 'context' };
  return { remote };
}

function namedContexts(attrs: Attrs, inputs: SolveAsked['inputs']): ReadonlyMap<string, ContextSource> {
  return new Map(
    withPrefix(attrs, 'context:').map(([name, value]) => [name, contextSource(name, value, inputs)] as const),
  );
}

/** The forms in which clients name a context. @throws invalid, notImplemented */
export function contextSource(name: string, value: string, inputs: SolveAsked['inputs']): ContextSource {
  const colon = value.indexOf(':');
  const [scheme, rest] = [value.slice(0, colon), value.slice(colon + 1)];
  switch (scheme) {
    case 'local':
      return { directory: rest };
    case 'docker-image':
      return { image: rest.replace(/^\/\//, '') };
    case 'input': {
      const input = inputs.get(rest);
      if (input === undefined) throw invalid(`invalid input ${rest} for context ${name}`);
      return { builtId: input };
    }
    case 'oci-layout':
      throw notImplemented(`This builder takes no OCI layouts as contexts (${name}).`);
    default:
      return { remote: value };
  }
}

function onePlatform(platforms: string): string {
  if (platforms.includes(','))
    throw notImplemented('This builder builds for one platform at a time: name one with --platform.');
  return platforms;
}

function networkMode(mode: string): string {
  if (mode === '' || mode === 'sandbox' || mode === 'default') return '';
  if (mode === 'host' || mode === 'none') return mode;
  throw invalid(`invalid netmode ${mode}`);
}

/** 'a=b,c=d' */
function pairs(text: string): [string, string][] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      if (at < 0) throw invalid(`invalid key-value pair ${JSON.stringify(part)}`);
      return [part.slice(0, at), part.slice(at + 1)];
    });
}

function readUlimit([name, value]: readonly [string, string]): { name: string; soft: number; hard: number } {
  const [soft = '', hard = soft] = value.split(':');
  return { name, soft: wholeNumber(soft, 'ulimit', -1), hard: wholeNumber(hard, 'ulimit', -1) };
}

function wholeNumber(text: string, what: string, least = 0): number {
  const number = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(number) || number < least)
    throw invalid(`failed to parse ${what}: ${JSON.stringify(text)}`);
  return number;
}

/** Images that count as cache; caches of other kinds are for other builders, and found by none of ours. */
function cacheSources(json: string, old: string): string[] {
  const names = old.split(',').filter((name) => name !== '');
  if (json === '') return names;
  let parsed: unknown;
  try {
    parsed = parseJsonText(json);
  } catch (error) {
    throw invalid('failed to unmarshal cache-imports: invalid JSON', error);
  }
  const entries = checkValue(cacheImportsSchema, 'cache-imports', parsed);
  return [
    ...names,
    ...entries.flatMap(({ Type, Attrs }) => (Type === 'registry' && Attrs['ref'] ? [Attrs['ref']] : [])),
  ];
}

function readExporter({ kind, attrs }: SolveAsked['exporters'][number]): SolveExporter {
  const names = (attrs.get('name') ?? '').split(',').filter((name) => name !== '');
  switch (kind) {
    case 'moby':
      return { kind: 'image', names };
    case 'local':
    case 'tar':
      return { kind, names: [] };
    default:
      throw notImplemented(`exporter ${JSON.stringify(kind)} could not be found`);
  }
}

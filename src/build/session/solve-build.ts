/** Builds as BuildKit's clients ask for them: what is on the client's machine comes over its session, when it is needed. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { invalid } from '../../base/errors.ts';
import type { BuildClient } from '../../model/build-client.ts';
import type { BuildPhase, SolveWatch } from '../../model/build-watch.ts';
import { formatReference, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import { parsePlatform } from '../../model/platform.ts';
import type { RegistryAuth } from '../../model/registry.ts';
import type { ContextSource } from '../../model/context-source.ts';
import type { SolvedBuild, SolveExporter, SolveOrder } from '../../model/solve-order.ts';
import type { Builder } from '../builder.ts';
import { fetchContext } from '../context/remote-context.ts';
import { readDockerfile, receiveContext } from '../context/tar-context.ts';
import { ignoreLines } from '../../base/ignore-patterns.ts';
import type { NamedContext } from '../build-request.ts';
import { AgentSockets } from './agent-sockets.ts';
import { ClientDirectories } from './client-directories.ts';
import { exportFiles, type BuiltImage } from './export-files.ts';
import type { KeptContexts } from './kept-contexts.ts';

export interface SolveParts {
  readonly builder: Builder;
  readonly kept: KeptContexts;
  readonly client: BuildClient;
  readonly watch: SolveWatch;
  readonly signal: AbortSignal;
}

/** `use` has the result while it is sure to be there; what it does not fail with is in the lists after it. */
export async function solveBuild(
  { builder, kept, client, watch, signal }: SolveParts,
  order: SolveOrder,
  use: (solved: SolvedBuild) => Promise<void>,
): Promise<void> {
  const directories = new ClientDirectories(client, kept, watch, signal);
  const work = builder.makeDirectory();
  const agents = new AgentSockets(client, work.path, signal);
  try {
    const tags = order.exporters.flatMap(({ names }) => names);
    for (const tag of tags) parseReference(tag);
    const platform = order.platform === '' ? undefined : parsePlatform(order.platform);
    if (platform && platform.os !== 'linux') throw invalid(`operating system is not supported: ${platform.os}`);
    const main = await mainContext(order, directories, { path: work.path, watch, signal });
    watch.source(order.filename, main.dockerfile);
    await builder.build(
      {
        ...order,
        dockerfile: main.dockerfile,
        context: once(main.context),
        contexts: namedContexts(order.named, async (name, directory) => {
          const patterns = await directories.ignored(directory);
          return await directories.context(directory, `[context ${name}] load from client`, patterns);
        }),
        tags,
        ordered: false,
        publish: order.exporters.some(({ kind }) => kind === 'image'),
        platform,
        remove: true,
        forceRemove: true,
        secret: (id) => client.secret(id, signal),
        sshSocket: (id, owner) => agents.socketFor(id, owner),
        auth: (reference) => login(client, reference, signal),
        use: async (image) => {
          const built: BuiltImage = { image, read: (reading) => builder.read(image, reading) };
          await use({
            imageId: image.id,
            export: (index) => exportBuilt(built, order.exporters, index, { client, watch, signal }),
          });
        },
      },
      watch.report,
      signal,
    );
  } finally {
    agents.close();
    await directories.release();
    await work.remove();
  }
}

/** Several stages may ask for it. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

interface Fetching {
  /** A directory of this build's. */
  readonly path: string;
  readonly watch: SolveWatch;
  readonly signal: AbortSignal;
}

interface MainContext {
  readonly dockerfile: string;
  readonly context: () => Promise<string | undefined>;
}

async function mainContext(
  order: SolveOrder,
  directories: ClientDirectories,
  fetching: Fetching,
): Promise<MainContext> {
  const { context, filename, dockerfileDirectory } = order;
  if ('remote' in context) {
    const path = join(fetching.path, 'context');
    const only = await fetched(context.remote, path, fetching);
    return {
      dockerfile: only ?? (await readDockerfile(path, filename)),
      context: async () => (only === undefined ? path : undefined),
    };
  }
  if ('archive' in context) {
    const path = join(fetching.path, 'context');
    mkdirSync(path, { mode: 0o700 });
    const phase = fetching.watch.phase('[internal] load uploaded build context');
    await during(phase, () =>
      receiveContext(Readable.from(context.archive, { objectMode: false }), path, fetching.signal),
    );
    return { dockerfile: await readDockerfile(path, filename), context: async () => path };
  }
  if (!('directory' in context)) throw invalid('a build needs a directory as its context');
  const { text, ignored } = await directories.dockerfile(dockerfileDirectory, filename);
  return {
    dockerfile: text,
    context: async () => {
      const patterns = ignored === undefined ? await directories.ignored(context.directory) : ignoreLines(ignored);
      return await directories.context(context.directory, 'load build context', patterns);
    },
  };
}

/** `open`: a directory of the client's, by the name of the context and its own. */
export function namedContexts(
  named: SolveOrder['named'],
  open: (name: string, directory: string) => Promise<string>,
): ReadonlyMap<string, NamedContext> {
  return new Map([...named].map(([name, source]): [string, NamedContext] => [name, contextOf(name, source)]));

  function contextOf(name: string, source: ContextSource): NamedContext {
    if ('remote' in source) return { kind: 'remote', address: source.remote };
    if ('image' in source) return { kind: 'image', reference: source.image };
    if ('builtId' in source) return { kind: 'image', reference: source.builtId };
    if ('archive' in source) throw invalid(`the context ${name} is an archive without a name`);
    return { kind: 'directory', open: () => open(name, source.directory) };
  }
}

/** Undefined where it is a directory now; else the text of the one file that it is. */
async function fetched(remote: string, path: string, { watch, signal }: Fetching): Promise<string | undefined> {
  const phase = watch.phase(`[internal] load remote build context`);
  return await during(phase, () => fetchContext(remote, path, signal));
}

async function during<T>(phase: BuildPhase, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    phase.end();
    return result;
  } catch (error) {
    phase.end(error);
    throw error;
  }
}

/** The registry of Docker's own hub has a host of another name, by which clients know it. */
async function login(client: BuildClient, reference: string, signal: AbortSignal): Promise<RegistryAuth | null> {
  const { domain } = parseReference(reference);
  return await client.login(domain === 'docker.io' ? 'registry-1.docker.io' : domain, signal);
}

async function exportBuilt(
  built: BuiltImage,
  exporters: readonly SolveExporter[],
  index: number,
  { client, watch, signal }: Pick<SolveParts, 'client' | 'watch' | 'signal'>,
): Promise<ReadonlyMap<string, string>> {
  const exporter = exporters[index]!;
  const { id } = built.image;
  switch (exporter.kind) {
    case 'image':
      return exportImage(id, exporter.names, watch.phase('exporting to image'));
    case 'local':
    case 'tar': {
      const title = exporter.kind === 'local' ? 'exporting to client directory' : 'exporting to client tarball';
      await exportFiles(built, exporter.kind, index, { client, phase: watch.phase(title), signal });
      return new Map();
    }
  }
}

/** It is in the lists when the build is over: nothing of it can fail any more. */
function exportImage(id: string, names: readonly string[], phase: BuildPhase): ReadonlyMap<string, string> {
  const naming = names.map((name) => `naming to ${formatReference(parseReference(name))}`);
  for (const what of ['exporting layers', `writing image ${id}`, ...naming]) {
    phase.status(what, 0, 0);
    phase.done(what);
  }
  phase.end();
  return new Map([
    ['containerimage.config.digest', id],
    ['containerimage.digest', id],
    ...(names.length > 0 ? [['image.name', names.map(fullName).join(',')] as const] : []),
  ]);
}

const fullName = (name: string): string => formatReference(withDefaultTag(parseReference(name)));

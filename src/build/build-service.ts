/** Builds as the classic API asks for them: a context, or where it is, and what to make of it. */
import type { Readable } from 'node:stream';
import { invalid } from '../base/errors.ts';
import type { BuildCacheRecord, BuildPruneOptions, PrunedBuildCache } from '../model/build-cache.ts';
import type { BuildClient } from '../model/build-client.ts';
import type { SolveWatch } from '../model/build-watch.ts';
import type { ReportNews } from '../model/build-news.ts';
import type { BuildOrder } from '../model/build-order.ts';
import { parseReference } from '../model/image-reference.ts';
import { parsePlatform } from '../model/platform.ts';
import type { SolvedBuild, SolveOrder } from '../model/solve-order.ts';
import type { RegistryAuth } from '../model/registry.ts';
import type { Builder } from './builder.ts';
import type { KeptContexts } from './session/kept-contexts.ts';
import { orderClient } from './session/order-client.ts';
import { solveBuild } from './session/solve-build.ts';
import { fetchContext } from './context/remote-context.ts';
import { readDockerfile, receiveContext } from './context/tar-context.ts';

export class BuildService {
  readonly #builder: Builder;
  readonly #whenReady: () => Promise<void>;
  readonly #kept: KeptContexts;

  /** `contexts`: of clients. `whenReady`: containers and images can be made and removed; contexts are received before. */
  constructor(builder: Builder, contexts: KeptContexts, whenReady: () => Promise<void>) {
    this.#builder = builder;
    this.#whenReady = whenReady;
    this.#kept = contexts;
  }

  async build(order: BuildOrder, body: Readable, report: ReportNews, signal: AbortSignal): Promise<string> {
    const directory = this.#builder.makeDirectory();
    const parts = { builder: this.#builder, kept: this.#kept, signal };
    const { context: clients, release, ...asked } = orderClient(order, parts);
    try {
      const context = directory.path;
      // What is wrong with the request is said before anything is read.
      for (const tag of order.tags) parseReference(tag);
      const platform = order.platform === '' ? undefined : parsePlatform(order.platform);
      if (platform && platform.os !== 'linux') throw invalid('operating system is not supported');
      const only = order.remote === '' ? undefined : await fetchContext(order.remote, context, signal);
      if (order.remote === '' && !clients) await receiveContext(body, context, signal);
      const dockerfile = order.dockerfileText ?? only ?? (await readDockerfile(context, order.dockerfile));
      await this.#whenReady();
      return await this.#builder.build(
        {
          ...order,
          dockerfile,
          ...asked,
          context: clients ?? (async () => (only === undefined ? context : undefined)),
          noCacheStages: [],
          platform,
          secret: async (id) => order.secrets.get(id),
          auth: async (reference) => authFor(order.auths, reference),
          ordered: true,
        },
        report,
        signal,
      );
    } finally {
      await release();
      await directory.remove();
    }
  }

  /** As BuildKit's clients ask for it; `use` has the result while it is sure to be there. */
  async solve(
    order: SolveOrder,
    client: BuildClient,
    watch: SolveWatch,
    signal: AbortSignal,
    use: (solved: SolvedBuild) => Promise<void>,
  ): Promise<void> {
    await this.#whenReady();
    await solveBuild({ builder: this.#builder, kept: this.#kept, client, watch, signal }, order, use);
  }

  buildCache(): Promise<BuildCacheRecord[]> {
    return this.#builder.records();
  }

  async pruneBuildCache(options: BuildPruneOptions): Promise<PrunedBuildCache> {
    await this.#whenReady();
    return this.#builder.prune(options);
  }
}

const HUB: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** Clients write a registry as its host, or as the address of its login. */
function authFor(auths: ReadonlyMap<string, RegistryAuth>, reference: string): RegistryAuth | null {
  const { domain } = parseReference(reference);
  for (const [name, auth] of auths) {
    const host = name.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    if (host === domain || (HUB.has(host) && HUB.has(domain))) return auth;
  }
  return null;
}

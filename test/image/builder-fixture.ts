/** The builder over a store of images, without an engine: whatever runs nothing can be built. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { notFound } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import type { BuildRequest } from '../../src/build/build-request.ts';
import { Builder } from '../../src/build/builder.ts';
import { KeptContexts } from '../../src/build/session/kept-contexts.ts';
import type { StepHost } from '../../src/build/step-host.ts';
import type { ImageStore } from '../../src/image/image-store.ts';
import type { RootfsStore } from '../../src/image/rootfs.ts';
import type { BuildCacheBounds } from '../../src/model/build-cache.ts';
import type { BuildNews, ReportNews } from '../../src/model/build-news.ts';
import { openStore, temporaryDirectory } from './image-fixture.ts';

export interface Built {
  readonly id: string;
  readonly news: readonly BuildNews[];
}

/** The context is a directory that is there. */
type AskedRequest = Partial<Omit<BuildRequest, 'context'>> & { readonly context?: string };

export interface BuilderUnderTest {
  readonly directory: string;
  readonly images: ImageStore;
  readonly rootfs: RootfsStore;
  readonly builder: Builder;
  build(dockerfile: string, request?: AskedRequest, report?: ReportNews): Promise<Built>;
}

/** Everything stays. */
export const NO_BOUNDS: BuildCacheBounds = {
  isEnabled: false,
  rules: undefined,
  defaults: { reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 },
};

export async function openBuilder(t: TestContext, bounds = NO_BOUNDS): Promise<BuilderUnderTest> {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(join(directory, 'store'));
  const builder = new Builder({
    images,
    rootfs,
    host: hostOf(images),
    directory: join(directory, 'build'),
    secretDirectory: join(directory, 'secrets'),
    contexts: new KeptContexts(join(directory, 'contexts')),
    bounds,
    clock: systemClock,
    log: silentLog,
  });
  t.after(() => builder.close());
  const build = async (
    dockerfile: string,
    { context, ...request }: AskedRequest = {},
    report: ReportNews = () => {},
  ): Promise<Built> => {
    const news: BuildNews[] = [];
    const tell: ReportNews = (one) => {
      news.push(one);
      report(one);
    };
    const id = await builder.build(
      { ...PLAIN_REQUEST, ...request, context: async () => context, dockerfile },
      tell,
      new AbortController().signal,
    );
    return { id, news };
  };
  return { directory, images, rootfs, builder, build };
}

function hostOf(images: ImageStore): StepHost {
  const none = async (): Promise<never> => {
    throw new Error('nothing runs here');
  };
  return {
    createStep: none,
    runStep: none,
    stepChanges: none,
    removeStep: none,
    keepStep: none,
    ownerIn: none,
    findImage: (reference) => {
      try {
        return images.get(reference);
      } catch {
        return undefined;
      }
    },
    pullImage: async (reference) => {
      throw notFound(`pull access denied for ${reference}`);
    },
    announceImage: () => {},
  };
}

const PLAIN_REQUEST: Omit<BuildRequest, 'dockerfile'> = {
  context: async () => undefined,
  contexts: new Map(),
  tags: [],
  args: new Map(),
  labels: {},
  target: '',
  noCache: false,
  noCacheStages: [],
  pull: false,
  platform: undefined,
  limits: {
    networkMode: '',
    extraHosts: [],
    shmSizeBytes: 0,
    cgroupParent: '',
    resources: {},
  },
  cacheFrom: [],
  remove: true,
  forceRemove: true,
  secret: async () => undefined,
  sshSocket: async () => undefined,
  auth: async () => null,
  ordered: true,
  publish: true,
};

/** A directory below with these files. */
export function filesIn(directory: string, name: string, files: Readonly<Record<string, string>>): string {
  const root = join(directory, name);
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

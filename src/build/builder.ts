/**
 * The builder: from a request to an image. What a build made is cache until its last step is an image in the lists; what
 * is cut off leaves nothing else.
 */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { CausewayError, errorKind, errorMessage, invalid } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { BuildSteps } from '../image/build-steps.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { RootfsStore } from '../image/rootfs.ts';
import type { ImageRecord } from '../model/image.ts';
import { parseReference } from '../model/image-reference.ts';
import { formatPlatform, HOST_PLATFORM, rankPlatform, type Platform } from '../model/platform.ts';
import type { ReportNews, ReportStepNews } from '../model/build-news.ts';
import type { BuildParts } from './build-parts.ts';
import type { BuildCacheBounds, BuildCacheRecord, BuildPruneOptions, PrunedBuildCache } from '../model/build-cache.ts';
import { CacheKeeper } from './cache-keeper.ts';
import type { KeptDirectories } from './cache-records.ts';
import { CacheMounts } from './cache-mounts.ts';
import type { BuildRequest } from './build-request.ts';
import { GlobalArgs } from './dockerfile/build-args.ts';
import { parseDockerfile, type Dockerfile, type Stage } from './dockerfile/dockerfile.ts';
import { didYouMean } from './dockerfile/nearest-word.ts';
import { foreignSyntax } from './dockerfile/directives.ts';
import { expandWord } from './dockerfile/expand.ts';
import type { StageInstruction } from './dockerfile/instruction.ts';
import { MAX_INSTRUCTIONS } from './dockerfile/limits.ts';
import { asItHappens, OrderedNews } from './ordered-news.ts';
import { NamedContexts } from './named-contexts.ts';
import { StageBuild } from './stage-build.ts';
import { stepId } from './step-id.ts';
import { planStages, stageNames, type PlannedStage } from './stage-graph.ts';
import { buildStages } from './stage-pool.ts';
import { cacheFile, StepCache } from './step-cache.ts';
import type { StepHost } from './step-host.ts';
import { WorkDirectories } from './work-directory.ts';

export interface BuilderDeps {
  readonly images: ImageStore;
  readonly rootfs: RootfsStore;
  readonly host: StepHost;
  /** The builder's own directory in the data root. */
  readonly directory: string;
  /** In memory. */
  readonly secretDirectory: string;
  /** Of clients, kept for their next builds. */
  readonly contexts: KeptDirectories;
  readonly bounds: BuildCacheBounds;
  readonly clock: Clock;
  readonly log: Log;
}

export class Builder {
  readonly #deps: BuilderDeps;
  readonly #steps: BuildSteps;
  readonly #cache: StepCache;
  readonly #cacheMounts: CacheMounts;
  readonly #keeper: CacheKeeper;
  readonly #work: WorkDirectories;
  readonly #secrets: WorkDirectories;

  constructor(deps: BuilderDeps) {
    const { directory } = deps;
    this.#deps = deps;
    this.#steps = new BuildSteps(deps.images, deps.rootfs, join(directory, 'mounts'));
    this.#cache = new StepCache(cacheFile(directory), this.#steps, deps.clock, deps.log);
    this.#cacheMounts = new CacheMounts(join(directory, 'cache-mounts'));
    this.#keeper = new CacheKeeper({
      ...deps,
      cache: this.#cache,
      mounts: this.#cacheMounts,
      steps: this.#steps,
    });
    this.#work = new WorkDirectories(join(directory, 'work'));
    this.#secrets = new WorkDirectories(deps.secretDirectory);
  }

  /** A directory for a context; the caller removes it. */
  makeDirectory(): ReturnType<WorkDirectories['make']> {
    return this.#work.make();
  }

  /** An image's files, read-only, while `work` runs. */
  read<T>(image: ImageRecord, work: (root: string) => Promise<T>): Promise<T> {
    return this.#steps.reading(image, work);
  }

  close(): void {
    this.#keeper.close();
    this.#cache.save();
  }

  /** Resolves to the image's id. @throws invalid in Docker's words; StepFailure; BuildCancelled */
  async build(request: BuildRequest, report: ReportNews, signal: AbortSignal): Promise<string> {
    for (const tag of request.tags)
      if (parseReference(tag).digest !== '') throw invalid('refusing to create a tag with a digest reference');
    const file = parseDockerfile(request.dockerfile);
    for (const text of file.warnings) report({ news: 'warning', id: '', text });
    const foreign = foreignSyntax(file.syntax);
    if (foreign !== undefined)
      report({ news: 'warning', id: '', text: `syntax=${foreign} is not run: this builder reads the file itself` });
    const held: string[] = [];
    const work = this.#work.make();
    const secrets = this.#secrets.make();
    try {
      const image = await this.#run(request, file, report, signal, {
        held,
        workDirectory: work.path,
        secretDirectory: secrets.path,
      });
      await request.use?.(image);
      if (request.publish) {
        await this.#steps.publish(image.id, request.tags);
        this.#deps.host.announceImage(image.id, request.tags);
      }
      return image.id;
    } finally {
      await this.#flush();
      this.#cache.letGo(held);
      this.#cache.save();
      this.#keeper.trimSoon();
      await secrets.remove({ isAwaited: true });
      await work.remove();
    }
  }

  /** What the image needs is on the disk by now: why a build has failed is not to be hidden by what is left of it. */
  async #flush(): Promise<void> {
    try {
      await this.#steps.flush();
    } catch (error) {
      this.#deps.log.warn({ error: errorMessage(error) }, 'the steps of a build cannot be written as cache');
    }
  }

  async #run(
    request: BuildRequest,
    file: Dockerfile,
    report: ReportNews,
    signal: AbortSignal,
    own: Pick<BuildParts, 'held' | 'workDirectory' | 'secretDirectory'>,
  ): Promise<ImageRecord> {
    const platform = request.platform ?? HOST_PLATFORM;
    const globalArgs = new GlobalArgs({ given: request.args, predefined: platformArgs(platform) });
    const word = (text: string): string => expandWord(text, globalArgs.value, { escape: file.escape });
    const count = file.args.length;
    // FROM lines need them; that they are told of comes first, with the number of all steps.
    for (const instruction of file.args)
      for (const { key, value } of instruction.args)
        globalArgs.declare(word(key), value === undefined ? undefined : word(value));
    const bases = new Map(file.stages.map((stage) => [stage.index, word(stage.from.base)]));
    const contexts = new NamedContexts(request.contexts, own.workDirectory);
    const isReplaced = ({ from }: Stage): boolean => from.name !== '' && !!contexts.find(from.name, platform);
    const planned = planStages(file, request.target, { baseOf: (stage) => bases.get(stage.index)!, isReplaced });
    const instructions = instructionsOf(planned, request.labels, isReplaced);
    const steps = count + planned.reduce((sum, { stage }) => sum + 1 + instructions.get(stage.index)!.length, 0);
    file.args.forEach(({ original: text }, i) => {
      const id = stepId(-1, i, text);
      report({ news: 'step', id, after: '', step: i + 1, steps, text, place: undefined });
      report({ news: 'ended', id, outcome: 'done', message: '' });
    });
    const firstSteps = new Map<number, number>();
    let next = count + 1;
    for (const { stage } of planned) {
      firstSteps.set(stage.index, next);
      next += 1 + instructions.get(stage.index)!.length;
    }
    let instructionCount = steps;
    /** Only their ids: there may be as many as the file has lines, each with a long configuration. */
    const results = new Map<number, string>();
    // What one stage fails with, or the client's leaving, ends the others.
    const ending = new AbortController();
    const together = AbortSignal.any([signal, ending.signal]);
    const parts: BuildParts = {
      ...own,
      request,
      host: this.#deps.host,
      steps: this.#steps,
      cache: this.#cache,
      cacheMounts: this.#cacheMounts,
      stages: file.stages,
      countTriggers: (added) => {
        instructionCount += added;
        if (instructionCount > MAX_INSTRUCTIONS)
          throw invalid(`more than ${MAX_INSTRUCTIONS} instructions, with those that images add by ONBUILD`);
      },
      escape: file.escape,
      globalArgs,
      platform,
      contexts,
      signal: together,
      stageImage: async (index) => this.#builtStage(results, file.stages[index]!),
      image: (reference, wanted, tell) =>
        this.#image(request, reference, wanted ?? request.platform, {
          report: tell,
          signal: together,
          stages: stageNames(file.stages),
        }),
    };
    const order = planned.map(({ stage }) => stage.index);
    const news = request.ordered ? new OrderedNews(order, report) : asItHappens(report);
    const lastSteps = new Map<number, string>();
    const build = async ({ stage }: PlannedStage): Promise<void> => {
      const order = {
        stage,
        base: bases.get(stage.index)!,
        instructions: instructions.get(stage.index)!,
        firstStep: firstSteps.get(stage.index)!,
        steps,
        lastSteps,
      };
      try {
        const image = await new StageBuild(parts, order, news.of(stage.index)).run();
        results.set(stage.index, image.id);
      } catch (error) {
        ending.abort();
        throw error;
      } finally {
        news.end(stage.index);
      }
    };
    await buildStages(planned, build);
    const unused = globalArgs.unused();
    if (unused.length > 0)
      report({ news: 'warning', id: '', text: `One or more build-args [${unused.join(' ')}] were not consumed` });
    return this.#builtStage(results, planned.at(-1)!.stage);
  }

  /** What only shows while a stage is built (a trigger of its base, a variable) names stages too late for the plan. */
  #builtStage(results: ReadonlyMap<number, string>, { from, index }: Stage): ImageRecord {
    const image = this.#steps.find(results.get(index) ?? '');
    if (!image) throw invalid(`stage ${from.name || index} has not been built: nothing that is known before needs it`);
    return image;
  }

  async #image(
    request: BuildRequest,
    reference: string,
    platform: Platform | undefined,
    { report, signal, stages }: ImageWish,
  ): Promise<ImageRecord> {
    const { host } = this.#deps;
    const isId = /^sha256:[0-9a-f]{64}$/.test(reference);
    const here = host.findImage(reference);
    const fits = here && (platform === undefined || rankPlatform(here, platform) > 0);
    if (here && fits && (isId || !request.pull)) return here;
    if (!isId) {
      try {
        const wanted = platform === undefined ? '' : formatPlatform(platform);
        await host.pullImage(
          reference,
          await request.auth(reference),
          wanted,
          (message) => report({ news: 'pull', message }),
          signal,
        );
      } catch (error) {
        if (errorKind(error) === 'unavailable' && here && fits && !request.pull) return here;
        const hint = didYouMean(reference, stages, { exactCase: true });
        if (hint === '') throw error;
        throw new CausewayError(errorKind(error) ?? 'system', `${errorMessage(error)}${hint}`, { cause: error });
      }
    }
    const found = host.findImage(reference);
    if (!found) throw invalid(`No such image: ${reference}`);
    return found;
  }

  /** What the cache holds. */
  records(): Promise<BuildCacheRecord[]> {
    return this.#keeper.records();
  }

  prune(options: BuildPruneOptions): Promise<PrunedBuildCache> {
    return this.#keeper.prune(options);
  }
}

interface ImageWish {
  readonly report: ReportStepNews;
  readonly signal: AbortSignal;
  /** One of which may have been meant. */
  readonly stages: readonly string[];
}

function platformArgs(target: Platform): ReadonlyMap<string, string> {
  const of = (name: string, { os, architecture, variant }: Platform): [string, string][] => [
    [`${name}PLATFORM`, formatPlatform({ os, architecture, variant })],
    [`${name}OS`, os],
    [`${name}ARCH`, architecture],
    [`${name}VARIANT`, variant],
  ];
  return new Map([...of('BUILD', HOST_PLATFORM), ...of('TARGET', target)]);
}

/** The labels of the request are the last of the target's; what is replaced has no instructions of its own. */
function instructionsOf(
  planned: readonly PlannedStage[],
  labels: Readonly<Record<string, string>>,
  isReplaced: (stage: Stage) => boolean,
): ReadonlyMap<number, readonly StageInstruction[]> {
  const target = planned.at(-1)!.stage;
  const added = Object.keys(labels)
    .sort()
    .map((key): StageInstruction => {
      // As they are: nothing of them is a variable.
      const [name, value] = [literal(key), literal(labels[key]!)];
      return { kind: 'label', pairs: [{ key: name, value }], original: `LABEL ${key}=${labels[key]!}`, line: 0 };
    });
  return new Map(
    planned.map(({ stage }) => {
      const own = isReplaced(stage) ? [] : stage.instructions;
      return [stage.index, stage === target ? [...own, ...added] : own];
    }),
  );
}

const literal = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

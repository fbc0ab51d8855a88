/** One stage: its instructions one after the other, each from the cache or done. */
import { formatTimeNs, systemClock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import { makeWorkingDirectory } from '../image/trees/copy-into.ts';
import type { ImageConfig, ImageRecord } from '../model/image.ts';
import { parsePlatform } from '../model/platform.ts';
import { BuildCancelled } from '../model/build-cancelled.ts';
import type { ReportNews, StepNews } from '../model/build-news.ts';
import { errorMessage } from '../base/errors.ts';
import type { BuildParts } from './build-parts.ts';
import { contextImage } from './context-image.ts';
import { changeConfig, shellOf, workingDirectory } from './config-step.ts';
import { performCopy, prepareCopy } from './copy-step.ts';
import { StageArgs } from './dockerfile/build-args.ts';
import { parseTrigger, type Stage } from './dockerfile/dockerfile.ts';
import { expandWord, expandWords, type Variables } from './dockerfile/expand.ts';
import { heredocText } from './dockerfile/heredoc.ts';
import type { CopyInstruction, StageInstruction } from './dockerfile/instruction.ts';
import { runStep } from './run-step.ts';
import { stageNamed } from './stage-graph.ts';
import { isUrl } from './fetch-url.ts';
import { stepKey } from './step-cache.ts';
import { mayChangeFiles, stepId } from './step-id.ts';
import type { FoundTree } from './run-mounts.ts';

export interface StageOrder {
  readonly stage: Stage;
  /** Its FROM with the variables put in. */
  readonly base: string;
  readonly instructions: readonly StageInstruction[];
  /** The number of its FROM in the whole build. */
  readonly firstStep: number;
  readonly steps: number;
  /** Of the stages that are built, the id of the step that each has come to. */
  readonly lastSteps: Map<number, string>;
}

/** What a step makes: asked for only where it has not been done. */
type Work = () => Promise<ImageRecord>;

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class StageBuild {
  readonly parts: BuildParts;
  readonly #tell: ReportNews;
  #stepId = '';
  readonly #order: StageOrder;
  readonly args: StageArgs;
  image!: ImageRecord;
  config!: ImageConfig;
  author = '';
  #cmdIsOwn = false;

  constructor(parts: BuildParts, order: StageOrder, report: ReportNews) {
    this.parts = parts;
    this.#tell = report;
    this.#order = order;
    this.args = new StageArgs(parts.globalArgs);
  }

  async run(): Promise<ImageRecord> {
    const { stage, base, instructions, lastSteps } = this.#order;
    const other = this.#baseStage(base);
    this.#stepId = other ? (lastSteps.get(other.index) ?? '') : '';
    await this.#told(0, stage.from.original, true, () => this.#begin(base, other));
    for (const [i, instruction] of instructions.entries()) {
      if (this.parts.signal.aborted) throw new BuildCancelled();
      await this.#told(i + 1, instruction.original, mayChangeFiles(instruction), async () => {
        await this.#do(instruction);
        this.report({ news: 'state', imageId: this.image.id });
      });
    }
    this.report({ news: 'stage', imageId: this.image.id });
    lastSteps.set(stage.index, this.#stepId);
    return this.image;
  }

  /** News of the step that is under way. */
  readonly report = (news: StepNews): void => this.#tell({ ...news, id: this.#stepId });

  /** What a step does, from its beginning to its end. `number`: in the stage, 0 is its FROM. */
  async #told(number: number, text: string, counts: boolean, work: () => Promise<void>): Promise<void> {
    const { stage, instructions, firstStep, steps } = this.#order;
    const id = stepId(stage.index, number, text);
    const after = this.#stepId;
    this.#stepId = id;
    const upTo = instructions.slice(0, number).filter(mayChangeFiles).length;
    const place = {
      stage: stage.from.name || `stage-${stage.index}`,
      step: counts ? 1 + upTo : 0,
      steps: 1 + instructions.filter(mayChangeFiles).length,
    };
    this.#tell({ news: 'step', id, after, step: firstStep + number, steps, text, place });
    try {
      await work();
    } catch (error) {
      const outcome = this.parts.signal.aborted ? 'cancelled' : 'failed';
      this.#tell({ news: 'ended', id, outcome, message: errorMessage(error), cause: error });
      throw error;
    }
    this.#tell({ news: 'ended', id, outcome: 'done', message: '' });
  }

  #baseStage(base: string): Stage | undefined {
    return /^\d+$/.test(base) ? undefined : stageNamed(this.parts.stages, base, this.#order.stage.index);
  }

  async #begin(base: string, other: Stage | undefined): Promise<void> {
    const { parts } = this;
    const { stage } = this.#order;
    if (base === '') throw invalid(`base name (${stage.from.base}) should not be blank`);
    const text = expandWord(stage.from.platform, parts.globalArgs.value, { escape: parts.escape });
    const platform = text === '' ? undefined : parsePlatform(text);
    const context = (name: string) => parts.contexts.find(name, parts.platform);
    const replaced = stage.from.name === '' ? undefined : context(stage.from.name);
    if (replaced) this.image = await contextImage(parts, replaced, platform, this.report);
    else if (other) this.image = await parts.stageImage(other.index);
    else if (base === 'scratch') this.image = await parts.steps.scratch(parts.platform);
    else {
      const named = context(base);
      this.image = named
        ? await contextImage(parts, named, platform, this.report)
        : await parts.image(base, platform, this.report);
    }
    this.#hold();
    const { onBuild, ...config } = this.image.config;
    const hasPath = config.env.some((line) => line.startsWith('PATH='));
    this.config = { ...config, env: hasPath ? config.env : [...config.env, DEFAULT_PATH], onBuild: null };
    this.report({ news: 'state', imageId: this.image.id });
    // A stage of this file has run its triggers' file already: they are of images that others made.
    if (!onBuild?.length) return;
    const triggers = onBuild.flatMap(parseTrigger);
    parts.countTriggers(triggers.length);
    this.report({ news: 'triggers', count: onBuild.length });
    for (const trigger of triggers) {
      if (parts.signal.aborted) throw new BuildCancelled();
      await this.#do(trigger);
    }
    this.report({ news: 'state', imageId: this.image.id });
  }

  #hold(): void {
    this.parts.cache.hold(this.image.id);
    this.parts.held.push(this.image.id);
  }

  /** The image's variables, and before all others these: an ARG does not hide them. */
  readonly variable: Variables = (name) => {
    const line = this.config.env.find((item) => item.startsWith(`${name}=`));
    return line === undefined ? this.args.value(name) : line.slice(name.length + 1);
  };

  readonly word = (text: string): string => expandWord(text, this.variable, { escape: this.parts.escape });

  async #do(instruction: StageInstruction): Promise<void> {
    switch (instruction.kind) {
      case 'run':
        return await runStep(this, instruction);
      case 'copy':
      case 'add':
        return await this.#copy(instruction);
      case 'workdir':
        return await this.#workdir(this.word(instruction.text));
      case 'arg': {
        const args = instruction.args.map(({ key, value }) => ({
          key: this.word(key),
          value: value === undefined ? undefined : this.word(value),
        }));
        for (const { key, value } of args) this.args.declare(key, value);
        const words = args.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`));
        return await this.#note(`ARG ${words.join(' ')}`);
      }
      default: {
        const readers = {
          word: this.word,
          words: (text: string) => expandWords(text, this.variable, { escape: this.parts.escape }),
        };
        const change = changeConfig(this.config, instruction, readers, this.#cmdIsOwn)!;
        this.config = change.config;
        if (instruction.kind === 'cmd' && instruction.command.words.length > 0) this.#cmdIsOwn = true;
        if (instruction.kind === 'maintainer') this.author = instruction.text;
        return await this.#note(change.comment);
      }
    }
  }

  /** A step that changes no file. */
  async #note(comment: string): Promise<void> {
    const createdBy = [...shellOf(this.config), '#(nop) ', comment].join(' ');
    await this.step(createdBy, ['config'], comment, () =>
      this.parts.steps.commit(this.image, this.describe(createdBy)),
    );
  }

  describe(createdBy: string) {
    return {
      config: this.config,
      createdAt: formatTimeNs(systemClock.nowNs()),
      createdBy,
      comment: '',
      author: this.author,
    };
  }

  /** From the cache, from an image that counts as one, or done. */
  async step(createdBy: string, inputs: readonly unknown[], description: string, work: Work): Promise<void> {
    const { cache, steps, request } = this.parts;
    const noCache = request.noCache || request.noCacheStages.includes(this.#order.stage.from.name);
    const key = stepKey(this.image.id, this.config, createdBy, inputs, this.author);
    const known = noCache ? undefined : cache.find(key);
    const found = known === undefined ? undefined : steps.find(known);
    if (found) {
      this.report({ news: 'cached' });
      this.image = found;
      this.#hold();
      return;
    }
    const other = noCache ? undefined : this.#cachedElsewhere(createdBy);
    const parent = this.image.id;
    this.image = other ? await steps.adopt(this.image, other, this.config) : await work();
    if (other) this.report({ news: 'cached' });
    this.#hold();
    cache.add(key, { imageId: this.image.id, parent, description });
  }

  #cachedElsewhere(createdBy: string): ImageRecord | undefined {
    const { history, diffIds } = this.image;
    return this.parts.request.cacheFrom
      .map((name) => this.parts.host.findImage(name))
      .find(
        (image) =>
          image?.history[history.length]?.createdBy === createdBy &&
          history.every((entry, i) => image.history[i]?.createdBy === entry.createdBy) &&
          diffIds.every((diffId, i) => image.diffIds[i] === diffId),
      );
  }

  async #workdir(path: string): Promise<void> {
    const workingDir = workingDirectory(this.config.workingDir, path);
    this.config = { ...this.config, workingDir };
    const createdBy = [...shellOf(this.config), `#(nop) WORKDIR ${workingDir}`].join(' ');
    await this.step(createdBy, ['workdir'], `WORKDIR ${workingDir}`, () =>
      this.parts.steps.change(this.image, async (root) => {
        await makeWorkingDirectory(root, workingDir, { uid: 0, gid: 0 });
        return this.describe(createdBy);
      }),
    );
  }

  /** The files of a stage, an image, or a directory: a named context, or the build's own. */
  readonly findTree = async (from: string): Promise<FoundTree> => {
    const { parts } = this;
    if (from === '') return { directory: await parts.request.context() };
    const other = stageNamed(parts.stages, from, this.#order.stage.index);
    if (other) return { image: await parts.stageImage(other.index) };
    const named = parts.contexts.find(from, parts.platform);
    const directory = named && (await parts.contexts.directory(named, parts.signal));
    if (directory !== undefined) return { directory };
    const reference = named?.kind === 'image' ? named.reference : from;
    return { image: await parts.image(reference, undefined, this.report) };
  };

  async #copy(instruction: CopyInstruction): Promise<void> {
    const from = this.word(instruction.from);
    // What is written in the Dockerfile, or fetched, needs no context.
    const isElsewhere = from === '' && instruction.sources.map(this.word).every(isUrl);
    const { image, directory } = isElsewhere ? {} : await this.findTree(from);
    if (image) return await this.parts.steps.reading(image, (root) => this.#copyFrom(instruction, root, false));
    await this.#copyFrom(instruction, directory, true);
  }

  async #copyFrom(instruction: CopyInstruction, from: string | undefined, isContext: boolean): Promise<void> {
    const { steps, host, signal, workDirectory } = this.parts;
    const chown = this.word(instruction.chown);
    const prepared = await prepareCopy({
      instruction,
      sources: instruction.sources.map(this.word),
      texts: instruction.texts.map((text) => ({ name: text.name, content: this.#textOf(text) })),
      destination: this.word(instruction.destination),
      chown,
      chmod: this.word(instruction.chmod),
      workingDir: this.config.workingDir,
      from,
      isContext,
      workDirectory,
      signal,
    });
    const name = instruction.kind.toUpperCase();
    const comment = `${name} ${chown === '' ? '' : `--chown=${chown} `}${prepared.digest} in ${prepared.order.destination} `;
    const createdBy = [...shellOf(this.config), `#(nop) ${comment}`].join(' ');
    const { exclude, parents, unpack } = instruction;
    const inputs = [
      'copy',
      prepared.digest,
      prepared.destination,
      prepared.names,
      prepared.order.chmod,
      exclude,
      parents,
      unpack ?? null,
    ];
    await this.step(createdBy, inputs, instruction.original, () =>
      steps.change(this.image, async (root) => {
        const owner = chown === '' ? undefined : await host.ownerIn(root, withGroup(chown));
        await performCopy(prepared, root, owner);
        return this.describe(createdBy);
      }),
    );
  }

  #textOf(text: CopyInstruction['texts'][number]): string {
    const content = heredocText(text);
    if (!text.expand) return content;
    return expandWord(content, this.variable, { escape: this.parts.escape, quotesMeanNothing: true });
  }
}

/** '1000' is the group's number, too. */
const withGroup = (chown: string): string => (chown.includes(':') ? chown : `${chown}:${chown}`);

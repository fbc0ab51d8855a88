/** One stage: its instructions one after the other, each from the cache or done. */
import { formatTimeNs, systemClock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import { makeWorkingDirectory } from '../image/trees/copy-into.ts';
import type { ImageConfig, ImageRecord } from '../model/image.ts';
import { parsePlatform } from '../model/platform.ts';
import { BuildCancelled } from './build-failure.ts';
import type { ReportNews } from '../model/build-news.ts';
import type { BuildParts } from './build-parts.ts';
import { changeConfig, shellOf, workingDirectory } from './config-step.ts';
import { performCopy, prepareCopy } from './copy-step.ts';
import { StageArgs } from './dockerfile/build-args.ts';
import { parseTrigger, type Stage } from './dockerfile/dockerfile.ts';
import { expandWord, expandWords, type Variables } from './dockerfile/expand.ts';
import { heredocText } from './dockerfile/heredoc.ts';
import type { CopyInstruction, StageInstruction } from './dockerfile/instruction.ts';
import { runStep } from './run-step.ts';
import { stageNamed } from './stage-graph.ts';
import { stepKey } from './step-cache.ts';

export interface StageOrder {
  readonly stage: Stage;
  /** Its FROM with the variables put in. */
  readonly base: string;
  readonly instructions: readonly StageInstruction[];
  /** The number of its FROM in the whole build. */
  readonly firstStep: number;
  readonly steps: number;
}

/** What a step makes: asked for only where it has not been done. */
type Work = () => Promise<ImageRecord>;

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class StageBuild {
  readonly parts: BuildParts;
  readonly report: ReportNews;
  readonly #order: StageOrder;
  readonly args: StageArgs;
  image!: ImageRecord;
  config!: ImageConfig;
  author = '';
  #cmdIsOwn = false;

  constructor(parts: BuildParts, order: StageOrder, report: ReportNews) {
    this.parts = parts;
    this.report = report;
    this.#order = order;
    this.args = new StageArgs(parts.globalArgs);
  }

  async run(): Promise<ImageRecord> {
    const { stage, base, instructions, firstStep, steps } = this.#order;
    this.report({ news: 'step', step: firstStep, steps, text: stage.from.original });
    await this.#begin(base);
    let step = firstStep;
    for (const instruction of instructions) {
      if (this.parts.signal.aborted) throw new BuildCancelled();
      this.report({ news: 'step', step: ++step, steps, text: instruction.original });
      await this.#do(instruction);
      this.report({ news: 'state', imageId: this.image.id });
    }
    this.report({ news: 'stage', imageId: this.image.id });
    return this.image;
  }

  async #begin(base: string): Promise<void> {
    const { parts } = this;
    const { stage } = this.#order;
    if (base === '') throw invalid(`base name (${stage.from.base}) should not be blank`);
    const platform = expandWord(stage.from.platform, parts.globalArgs.value, { escape: parts.escape });
    const other = /^\d+$/.test(base) ? undefined : stageNamed(parts.stages, base, stage.index);
    if (other) this.image = await parts.stageImage(other.index);
    else if (base === 'scratch') this.image = await parts.steps.scratch(parts.platform);
    else this.image = await parts.image(base, platform === '' ? undefined : parsePlatform(platform));
    this.#hold();
    const { onBuild, ...config } = this.image.config;
    const hasPath = config.env.some((line) => line.startsWith('PATH='));
    this.config = { ...config, env: hasPath ? config.env : [...config.env, DEFAULT_PATH], onBuild: null };
    this.report({ news: 'state', imageId: this.image.id });
    // A stage of this file has run its triggers' file already: they are of images that others made.
    if (!onBuild?.length) return;
    this.report({ news: 'triggers', count: onBuild.length });
    for (const text of onBuild) for (const trigger of parseTrigger(text)) await this.#do(trigger);
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
    const key = stepKey(this.image.id, this.config, createdBy, inputs, this.author);
    const known = request.noCache ? undefined : cache.find(key);
    const found = known === undefined ? undefined : steps.find(known);
    if (found) {
      this.report({ news: 'cached' });
      this.image = found;
      this.#hold();
      return;
    }
    const other = request.noCache ? undefined : this.#cachedElsewhere(createdBy);
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

  /** The files of a stage, an image, or (undefined) the context. */
  readonly findTree = async (from: string): Promise<ImageRecord | undefined> => {
    if (from === '') return undefined;
    const other = stageNamed(this.parts.stages, from, this.#order.stage.index);
    if (other) return await this.parts.stageImage(other.index);
    return await this.parts.image(from, undefined);
  };

  async #copy(instruction: CopyInstruction): Promise<void> {
    const image = await this.findTree(this.word(instruction.from));
    if (image) return await this.parts.steps.reading(image, (root) => this.#copyFrom(instruction, root, false));
    await this.#copyFrom(instruction, this.parts.request.context, true);
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

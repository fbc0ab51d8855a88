/** RUN: a container of the image so far, whose changes become a layer. */
import { invalid } from '../base/errors.ts';
import { missingPlaces, removeStubs } from '../image/trees/mount-stubs.ts';
import { digestSource } from '../image/trees/tree-digest.ts';
import { oneSource } from '../image/trees/tree-sources.ts';
import type { ImageConfig } from '../model/image.ts';
import { StepFailure } from '../model/step-failure.ts';
import { BuildCancelled } from '../model/build-cancelled.ts';
import type { RunInstruction } from './dockerfile/instruction.ts';
import { readMount, type RunMount } from './dockerfile/run-mount.ts';
import { runScript } from './run-script.ts';
import { withMounts, type PreparedMounts } from './run-mounts.ts';
import type { BuildParts } from './build-parts.ts';
import type { StageArgs } from './dockerfile/build-args.ts';
import type { ReportStepNews } from '../model/build-news.ts';
import type { StepDescription } from '../image/build-steps.ts';
import type { FindTree } from './run-mounts.ts';
import type { StepMount } from './step-host.ts';
import { StringDecoder } from 'node:string_decoder';
import { mkdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ImageRecord } from '../model/image.ts';

/** A stage as far as it has come, and how it takes a step. */
interface StageSoFar {
  readonly parts: BuildParts;
  readonly report: ReportStepNews;
  readonly args: Pick<StageArgs, 'all' | 'visible'>;
  readonly image: ImageRecord;
  readonly config: ImageConfig;
  readonly word: (text: string) => string;
  readonly findTree: FindTree;
  step(
    createdBy: string,
    inputs: readonly unknown[],
    description: string,
    work: () => Promise<ImageRecord>,
  ): Promise<void>;
  describe(createdBy: string): StepDescription;
}

export async function runStep(stage: StageSoFar, instruction: RunInstruction): Promise<void> {
  if (instruction.security === 'insecure')
    throw invalid('security.insecure is not allowed: a step of a build is confined as any container');
  const { config, parts } = stage;
  const script = runScript(config, instruction);
  if (script.command.length === 0) throw invalid('RUN requires at least one argument');
  const mounts = instruction.mounts.map((text) => readMount(text, stage.word));
  const args = [...stage.args.all()].filter(([name]) => !isSet(config, name));
  const createdBy = historyWords(stage, script.command);
  const trees = await Promise.all(mounts.map((mount) => treeOf(stage, mount)));
  // The words of the history do not tell where one of these ends: `a "b c"` reads as `a b c`.
  const visible = visibleArgs(stage);
  const inputs = ['run', script.command, visible, script.file?.content ?? null, mounts, trees, instruction.network];
  await stage.step(createdBy, inputs, instruction.original, () =>
    withMounts(parts, mounts, config.workingDir, stage.findTree, (prepared) =>
      execute(
        stage,
        instruction,
        { command: script.command, createdBy, args },
        withScript(stage, script.file, prepared),
      ),
    ),
  );
}

/** What tells apart what a step sees of other trees: the files of the context, or which image it is. */
async function treeOf(stage: StageSoFar, mount: RunMount): Promise<string | undefined> {
  if (mount.type !== 'bind' && mount.type !== 'cache') return undefined;
  if (mount.type === 'cache' && mount.from === '') return undefined;
  const { image, directory } = await stage.findTree(mount.from);
  if (image || directory === undefined) return image?.id;
  return await digestSource(directory, oneSource(directory, mount.source), {
    owners: false,
    signal: stage.parts.signal,
  });
}

const isSet = ({ env }: ImageConfig, name: string): boolean => env.some((line) => line.startsWith(`${name}=`));

/** The arguments that the result depends on: 'A=b'. */
const visibleArgs = ({ args, config }: StageSoFar): string[] =>
  [...args.visible()].flatMap(([name, value]) => (isSet(config, name) ? [] : [`${name}=${value}`])).sort();

/** Docker's form: '|1 A=b /bin/sh -c ...'. */
function historyWords(stage: StageSoFar, command: readonly string[]): string {
  const words = visibleArgs(stage);
  return [...(words.length > 0 ? [`|${words.length}`, ...words] : []), ...command].join(' ');
}

function withScript(
  stage: StageSoFar,
  file: { readonly path: string; readonly content: string } | undefined,
  prepared: PreparedMounts,
): PreparedMounts {
  if (!file) return prepared;
  const directory = join(stage.parts.workDirectory, randomBytes(8).toString('hex'));
  mkdirSync(directory, { mode: 0o755 });
  const path = join(directory, 'script');
  writeFileSync(path, file.content, { mode: 0o755, flag: 'wx' });
  const mount: StepMount = { target: file.path, readonly: true, source: { path, subpath: '' } };
  return { ...prepared, mounts: [...prepared.mounts, mount] };
}

interface Execution {
  readonly command: readonly string[];
  readonly createdBy: string;
  readonly args: readonly (readonly [string, string])[];
}

async function execute(
  stage: StageSoFar,
  instruction: RunInstruction,
  { command, createdBy, args }: Execution,
  prepared: PreparedMounts,
): Promise<ImageRecord> {
  const { parts, report } = stage;
  const { host, request, signal, steps } = parts;
  const { limits } = request;
  const targets = prepared.mounts.map(({ target }) => target);
  const stubs =
    targets.length === 0 ? [] : await steps.reading(stage.image, async (root) => missingPlaces(root, targets));
  await steps.flush(); // the record of its container names the image
  const { id, warnings } = await host.createStep({
    imageId: stage.image.id,
    config: stage.config,
    command,
    env: [...stage.config.env, ...args.map(([name, value]) => `${name}=${value}`), ...prepared.env],
    secretEnv: prepared.secretEnv,
    limits: {
      ...limits,
      networkMode: ['', 'default'].includes(instruction.network) ? limits.networkMode : instruction.network,
    },
    mounts: prepared.mounts,
  });
  let failed = true;
  try {
    for (const text of warnings) report({ news: 'warning', text });
    report({ news: 'running', containerId: id });
    const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() };
    const code = await host.runStep(
      id,
      async (stream, data) => {
        const text = decoders[stream].write(data);
        if (text !== '') report({ news: 'output', stream, text });
      },
      signal,
    );
    if (signal.aborted) throw new BuildCancelled();
    if (code !== 0) throw new StepFailure(command, code);
    const changes = await host.stepChanges(id);
    removeStubs(changes.path, stubs);
    const isOver = request.remove && !changes.isMounted;
    const image = await steps.commit(stage.image, stage.describe(createdBy), changes.path, { isOver });
    failed = false;
    return image;
  } finally {
    // It cannot be started again: the value of the secret is in no record of it.
    const isSecret = prepared.secretEnv.length > 0;
    if (signal.aborted || isSecret || (failed ? request.forceRemove : request.remove)) {
      await host.removeStep(id);
      report({ news: 'removed', containerId: id });
    } else await host.keepStep(id);
  }
}

/** `build`: an image of a Dockerfile and a context, by the daemon's builder. */
import { rmSync, writeFileSync } from 'node:fs';
import { formatReference, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import type { ApiClient } from '../api/client.ts';
import { buildFlags } from '../build/build-flags.ts';
import { isQuiet } from '../build/build-query.ts';
import { openContext } from '../build/context-body.ts';
import { findContext } from '../build/context-source.ts';
import { readNamedContexts } from '../build/named-contexts.ts';
import { outputOf, type BuildOutput } from '../build/output-flag.ts';
import { checkPlace, isToStdout, saveBuilt, takerOf } from '../build/take-output.ts';
import { reporter } from '../build/reporter.ts';
import { sendBuild, type Build, type SentBuild } from '../build/send-build.ts';
import { agentSockets } from '../build/ssh-flag.ts';
import type { Call, Command } from '../command/command.ts';
import { StatusError } from '../command/status-error.ts';
import { goFileError } from '../container/variable-file.ts';
import { readProgress } from '../terminal/json-progress.ts';

export const buildCommand: Command = {
  use: 'build [OPTIONS] PATH | URL | -',
  short: 'Build an image from a Dockerfile',
  aliases: ['image build', 'build', 'builder build'],
  args: [1, 1],
  flags: buildFlags,
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  if (flags.changed('squash') && !(await pinged(client)).isExperimental)
    throw new StatusError('"--squash" is only supported on a Docker daemon with experimental features enabled');
  if (flags.list('cache-to').length > 0)
    throw new StatusError('cache exports (--cache-to) are not supported: the daemon keeps the cache of its builds');
  const output = outputOf(flags);
  const tags = [...flags.list('tag'), ...('names' in output ? output.names : [])];
  if (output.kind === 'image' && output.push && tags.length === 0)
    throw new StatusError('tag is needed when pushing to registry');
  const file = flags.string('file');
  const source = findContext(args[0] ?? '', file);
  const named = readNamedContexts(flags.list('build-context'));
  const agents = agentSockets(flags.objects('ssh'));
  checkPlace(output);
  // What an earlier build left there would count as this one's.
  for (const path of [flags.string('iidfile'), flags.string('metadata-file')]) if (path !== '') removeStale(path);
  const body = await openContext(source, file);
  const fd = isToStdout(output) ? 2 : 1;
  const report = reporter(flags, fd);
  const id = await build(client, { flags, tags, body, named, agents, take: takerOf(output), report });
  if (output.kind === 'docker') await saveBuilt(client, tags.length > 0 ? tags : [id.trim()], output.to);
  if (flags.string('iidfile') !== '') writeId(flags.string('iidfile'), id);
  if (flags.string('metadata-file') !== '') writeMetadata(flags.string('metadata-file'), id.trim(), output, tags);
  if (output.kind !== 'image' || !output.push) return;
  const { pushImage } = await import('../image/push.ts');
  for (const tag of tags)
    await pushImage(client, withDefaultTag(parseReference(tag)), {
      platform: '',
      quiet: isQuiet(flags),
    });
}

/** Resolves to the id of what was built. */
async function build(client: ApiClient, asked: Build): Promise<string> {
  const { flags, report } = asked;
  let id = '';
  let sent: SentBuild | undefined;
  try {
    // A context is sent once: the version that the daemon speaks is asked for before.
    sent = await sendBuild(client, asked, (await pinged(client)).server);
    const onAux = (aux: unknown): void => {
      const { ID } = aux as { ID?: unknown };
      if (typeof ID === 'string') id = ID;
    };
    await readProgress(sent.response, report.show, onAux, true);
  } catch (error) {
    report.end(true);
    throw error;
  } finally {
    sent?.close();
  }
  const said = report.end(false);
  // What is left of a quiet build is the id, and the end of its line.
  return isQuiet(flags) ? said : id;
}

async function pinged(client: ApiClient): Promise<{ readonly server: string; readonly isExperimental: boolean }> {
  const response = await client.send('GET', '/_ping');
  response.resume();
  const { server = '', 'docker-experimental': experimental } = response.headers;
  return { server: String(server), isExperimental: experimental === 'true' };
}

function removeStale(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw new StatusError(`Removing image ID file: ${goFileError(error, 'remove', path)}`);
  }
}

function writeId(path: string, id: string): void {
  if (id === '') throw new StatusError(`Server did not provide an image ID. Cannot write ${path}`);
  writeNew(path, id);
}

/** As buildx writes it. */
function writeMetadata(path: string, id: string, output: BuildOutput, tags: readonly string[]): void {
  const isImage = output.kind === 'image' || output.kind === 'docker';
  const names = tags.map((tag) => formatReference(withDefaultTag(parseReference(tag))));
  const metadata = isImage
    ? {
        'containerimage.config.digest': id,
        'containerimage.digest': id,
        ...(names.length > 0 ? { 'image.name': names.join(',') } : {}),
      }
    : {};
  writeNew(path, `${JSON.stringify(metadata, undefined, 2)}\n`);
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new StatusError(goFileError(error, 'open', path));
  }
}

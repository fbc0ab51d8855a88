/** `cp`: between a container's filesystem and this one, or a tar archive on standard input or output. */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import type { ApiClient } from '../api/client.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { absolutePath, planCopy, splitCopyArgument, splitPath, type CopyDestination } from '../container/copy-paths.ts';
import { packPath, unpackStream } from '../container/tar-process.ts';
import { goFileError } from '../container/variable-file.ts';
import { humanSize } from '../format/size.ts';
import { complain, writeAll } from '../terminal/output.ts';
import type { PathStat } from '../../model/path-stat.ts';
import { isTerminal } from '../terminal/terminal-device.ts';

const SHORT = 'Copy files/folders between a container and the local filesystem';

export const cpCommand: Command = {
  use: 'cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\ncp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  short: SHORT,
  long: `${SHORT}

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
  aliases: ['container cp', 'cp'],
  args: [2, 2],
  flags: [
    { name: 'archive', short: 'a', type: type.bool, usage: 'Archive mode (copy all uid/gid information)' },
    { name: 'follow-link', short: 'L', type: type.bool, usage: 'Always follow symbol link in SRC_PATH' },
    {
      name: 'quiet',
      short: 'q',
      type: type.bool,
      usage:
        'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached',
    },
  ],
  run,
};

interface Options {
  readonly client: ApiClient;
  readonly container: string;
  readonly source: string;
  readonly destination: string;
  readonly followLink: boolean;
  readonly keepOwners: boolean;
  readonly quiet: boolean;
}

async function run({ flags, args, client }: Call): Promise<void> {
  const [from = '', to = ''] = args;
  if (from === '') throw new StatusError('source can not be empty');
  if (to === '') throw new StatusError('destination can not be empty');
  const [sourceContainer, source] = splitCopyArgument(from);
  const [destinationContainer, destination] = splitCopyArgument(to);
  if (sourceContainer !== '' && destinationContainer !== '')
    throw new StatusError('copying between containers is not supported');
  if (sourceContainer === '' && destinationContainer === '')
    throw new StatusError('must specify at least one container source');
  const options: Options = {
    client,
    source,
    destination,
    container: sourceContainer || destinationContainer,
    followLink: flags.bool('follow-link'),
    keepOwners: flags.bool('archive'),
    quiet: flags.changed('quiet') ? flags.bool('quiet') : !isTerminal(1),
  };
  if (sourceContainer !== '') await copyOut(options);
  else await copyIn(options);
}

const GO_DIRECTORY = 31;
const GO_SYMLINK = 27;
const GO_DEVICE = 26;
const GO_IRREGULAR = 19;
const hasMode = (stat: PathStat, bit: number) => ((stat.mode >>> bit) & 1) === 1;

const decodeStat = (header: unknown): PathStat =>
  JSON.parse(Buffer.from(String(header), 'base64').toString()) as PathStat;
const archivePath = (container: string) => `/containers/${encodeURIComponent(container)}/archive`;

async function statInContainer({ client, container }: Options, path: string): Promise<PathStat | undefined> {
  try {
    const response = await client.send('HEAD', archivePath(container), { query: { path } });
    response.resume();
    return decodeStat(response.headers['x-docker-container-path-stat']);
  } catch {
    return undefined; // the copy itself will report what is wrong
  }
}

const linkTarget = (path: string, target: string) =>
  target.startsWith('/') ? target : posix.join(splitPath(path)[0], target);

async function copyOut(options: Options): Promise<void> {
  const { client, container, followLink, quiet } = options;
  const destination = options.destination === '-' ? '-' : absolutePath(options.destination);
  if (destination !== '-') checkLocalParent(destination);
  let { source } = options;
  let rename: string | undefined;
  if (followLink) {
    const stat = await statInContainer(options, source);
    if (stat && hasMode(stat, GO_SYMLINK)) {
      rename = splitPath(source)[1];
      source = linkTarget(source, stat.linkTarget);
    }
  }
  const response = await client.send('GET', archivePath(container), { query: { path: source } });
  if (destination === '-') {
    for await (const chunk of response) writeAll(1, chunk as Buffer);
    return;
  }
  const stat = decodeStat(response.headers['x-docker-container-path-stat']);
  const isDirectory = hasMode(stat, GO_DIRECTORY);
  const counted = counting(response);
  const here = localDestination(destination);
  // Names in the archive begin with the name of what was asked for; a followed link keeps its own name.
  const archived = splitPath(source)[1];
  const plan = planCopy({ path: source, isDirectory }, here);
  const name = plan.rename?.to ?? rename;
  const renaming = name === undefined ? undefined : { from: archived, to: name };
  await unpackStream(
    counted.stream,
    plan.directory,
    renaming && renaming.from !== renaming.to ? renaming : undefined,
    options.keepOwners,
  );
  if (!quiet) complain(`Successfully copied ${humanSize(counted.bytes(), 3)} to ${destination}`);
}

function checkLocalParent(destination: string): void {
  const [directory] = splitPath(destination);
  if (!statSync(directory, { throwIfNoEntry: false })) {
    throw new StatusError(`invalid output path: directory ${JSON.stringify(directory)} does not exist`);
  }
}

/** Symlinks at the end of a local destination are followed. */
function localDestination(path: string): CopyDestination {
  const stat = statSync(path.replace(/(.)\/+$/, '$1'), { throwIfNoEntry: false });
  const link = lstatSync(path.replace(/(.)\/+$/, '$1'), { throwIfNoEntry: false });
  if (stat && link?.isSymbolicLink())
    return { path: realpathSync(path), exists: true, isDirectory: stat.isDirectory() };
  return { path, exists: stat !== undefined, isDirectory: stat?.isDirectory() ?? false };
}

async function copyIn(options: Options): Promise<void> {
  const { client, container, keepOwners, quiet } = options;
  const destination = await containerDestination(options);
  if (options.source === '-') {
    if (!destination.isDirectory)
      throw new StatusError(`destination "${container}:${options.destination}" must be a directory`);
    return putArchive(client, container, destination.path, process.stdin, keepOwners);
  }
  const source = absolutePath(options.source);
  const { directory, base, isDirectory, rename } = localSource(source, options.followLink);
  const plan = planCopy({ path: source, isDirectory }, destination);
  const renaming = plan.rename ? { from: base, to: plan.rename.to } : rename;
  const packed = packPath(directory, base, renaming && renaming.from !== renaming.to ? renaming : undefined);
  const counted = counting(packed.stream);
  // A failing tar must not look like a short archive that was complete.
  packed.done.catch((error: Error) => counted.stream.destroy(error));
  await putArchive(client, container, plan.directory, counted.stream, keepOwners);
  await packed.done;
  if (!quiet) complain(`Successfully copied ${humanSize(counted.bytes(), 3)} to ${container}:${destination.path}`);
}

async function containerDestination(options: Options): Promise<CopyDestination> {
  let path = options.destination;
  let stat = await statInContainer(options, path);
  if (stat && hasMode(stat, GO_SYMLINK)) {
    path = linkTarget(path, stat.linkTarget);
    stat = await statInContainer(options, path);
  }
  if (stat && (hasMode(stat, GO_DEVICE) || hasMode(stat, GO_IRREGULAR))) {
    const found = hasMode(stat, GO_DEVICE) ? 'got a device' : 'got an irregular file';
    throw new StatusError(
      `destination "${options.container}:${options.destination}" must be a directory or a regular file: ${found}`,
    );
  }
  return { path, exists: stat !== undefined, isDirectory: stat !== undefined && hasMode(stat, GO_DIRECTORY) };
}

function localSource(path: string, followLink: boolean) {
  let [directory, base] = splitPath(path);
  try {
    const link = lstatSync(path.replace(/(.)\/+$/, '$1'));
    let rename: { from: string; to: string } | undefined;
    const follows = link.isSymbolicLink() && (followLink || path.endsWith('/'));
    if (follows) {
      const real = realpathSync(path);
      rename = { from: basename(real), to: base };
      [directory, base] = splitPath(real);
    }
    const isDirectory = link.isSymbolicLink() && !follows ? false : statSync(path).isDirectory();
    return { directory, base, isDirectory, rename };
  } catch (error) {
    throw new StatusError(goFileError(error, 'lstat', path));
  }
}

async function putArchive(
  client: ApiClient,
  container: string,
  path: string,
  stream: Readable,
  keepOwners: boolean,
): Promise<void> {
  const query = { path, noOverwriteDirNonDir: 'true', copyUIDGID: keepOwners ? 'true' : undefined };
  await client.done('PUT', archivePath(container), { query, stream });
}

function counting(source: Readable): { stream: PassThrough; bytes: () => number } {
  let bytes = 0;
  const stream = new PassThrough();
  source.on('data', (chunk: Buffer) => (bytes += chunk.length));
  source.on('error', (error) => stream.destroy(error));
  source.pipe(stream);
  return { stream, bytes: () => bytes };
}

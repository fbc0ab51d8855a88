/** `pull`, `push`, `load`, `save`: images on their way in and out. */
import { familiarName, formatReference, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import { imagePath } from '../api/image-path.ts';
import { platformQuery } from '../api/platform.ts';
import type { Call, Command } from '../command/command.ts';
import type { Flag } from '../command/flag-set.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { pullImage } from '../image/pull.ts';
import { pushImage } from '../image/push.ts';
import { showProgress } from '../terminal/json-progress.ts';
import { printLine } from '../terminal/output.ts';
import { checkOutput, saveStream } from '../terminal/stream-out.ts';
import { openForReading } from './import.ts';
import { isTerminal } from '../terminal/terminal-device.ts';

const trust = (usage: string): Flag => ({ name: 'disable-content-trust', type: type.bool, preset: 'true', usage });

export const pullCommand: Command = {
  use: 'pull [OPTIONS] NAME[:TAG|@DIGEST]',
  short: 'Download an image from a registry',
  aliases: ['image pull', 'pull'],
  args: [1, 1],
  flags: [
    { name: 'all-tags', short: 'a', type: type.bool, usage: 'Download all tagged images in the repository' },
    trust('Skip image verification'),
    { name: 'platform', type: type.string, usage: 'Set platform if server is multi-platform capable' },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Suppress verbose output' },
  ],
  async run({ flags, args, client }: Call) {
    const name = args[0] ?? '';
    const given = parseReference(name);
    const allTags = flags.bool('all-tags');
    if (allTags && (given.tag !== '' || given.digest !== ''))
      throw new StatusError("tag can't be used with --all-tags/-a");
    const reference = withDefaultTag(given);
    const quiet = flags.bool('quiet');
    if (!allTags && given.tag === '' && given.digest === '' && !quiet) printLine('Using default tag: latest');
    await pullImage(client, name, { platform: flags.string('platform'), quiet, allTags });
    const full = formatReference(reference);
    printLine(allTags ? `${reference.domain}/${reference.path}` : full);
  },
};

export const pushCommand: Command = {
  use: 'push [OPTIONS] NAME[:TAG]',
  short: 'Upload an image to a registry',
  aliases: ['image push', 'push'],
  args: [1, 1],
  flags: [
    { name: 'all-tags', short: 'a', type: type.bool, usage: 'Push all tags of an image to the repository' },
    trust('Skip image signing'),
    {
      name: 'platform',
      type: type.string,
      usage:
        "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Suppress verbose output' },
  ],
  async run({ flags, args, client }: Call) {
    const given = parseReference(args[0] ?? '');
    const allTags = flags.bool('all-tags');
    if (allTags && (given.tag !== '' || given.digest !== ''))
      throw new StatusError("tag can't be used with --all-tags/-a");
    const reference = allTags ? given : withDefaultTag(given);
    if (!allTags && given.tag === '' && !flags.bool('quiet')) printLine('Using default tag: latest');
    await pushImage(client, reference, { platform: flags.string('platform'), quiet: flags.bool('quiet') });
    if (flags.bool('quiet')) printLine(formatReference({ ...reference, digest: '' }));
  },
};

export const loadCommand: Command = {
  use: 'load [OPTIONS]',
  short: 'Load an image from a tar archive or STDIN',
  aliases: ['image load', 'load'],
  args: [0, 0],
  flags: [
    { name: 'input', short: 'i', type: type.string, usage: 'Read from tar archive file, instead of STDIN' },
    {
      name: 'platform',
      type: type.string,
      usage: 'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Suppress the load output' },
  ],
  async run({ flags, client }: Call) {
    const input = flags.string('input');
    if (input === '' && isTerminal(0)) throw new StatusError('requested load from stdin, but stdin is empty');
    const stream = input === '' ? process.stdin : openForReading(input);
    const quiet = flags.bool('quiet') || !isTerminal(1);
    const response = await client.send('POST', '/images/load', {
      query: { quiet, platform: platformQuery(flags.string('platform')) },
      stream,
      headers: { 'Content-Type': 'application/x-tar' },
    });
    await showProgress(response);
  },
};

export const saveCommand: Command = {
  use: 'save [OPTIONS] IMAGE [IMAGE...]',
  short: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  aliases: ['image save', 'save'],
  args: [1, Infinity],
  flags: [
    { name: 'output', short: 'o', type: type.string, usage: 'Write to a file, instead of STDOUT' },
    {
      name: 'platform',
      type: type.string,
      usage: 'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
  ],
  async run({ flags, args, client }: Call) {
    checkOutput(flags.string('output'), 'failed to save image');
    const response = await client.send('GET', '/images/get', {
      query: { names: args, platform: platformQuery(flags.string('platform')) },
    });
    await saveStream(response, flags.string('output'));
  },
};

export const tagCommand: Command = {
  use: 'tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  short: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  aliases: ['image tag', 'tag'],
  args: [2, 2],
  flags: [],
  async run({ args, client }: Call) {
    const [source = '', target = ''] = args;
    let reference;
    try {
      reference = withDefaultTag(parseReference(target));
    } catch (error) {
      throw new StatusError(
        `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${(error as Error).message}`,
      );
    }
    if (reference.digest !== '') throw new StatusError('refusing to create a tag with a digest reference');
    await client.done('POST', `${imagePath(source)}/tag`, {
      query: { repo: familiarName(reference), tag: reference.tag },
    });
  },
};

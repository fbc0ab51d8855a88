/** `import` */
import { createReadStream, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { familiarName, parseReference } from '../../model/image-reference.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { goFileError } from '../container/variable-file.ts';
import { showProgress } from '../terminal/json-progress.ts';

export const importCommand: Command = {
  use: 'import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  short: 'Import the contents from a tarball to create a filesystem image',
  aliases: ['image import', 'import'],
  args: [1, Infinity],
  flags: [
    { name: 'change', short: 'c', type: type.list, usage: 'Apply Dockerfile instruction to the created image' },
    { name: 'message', short: 'm', type: type.string, usage: 'Set commit message for imported image' },
    { name: 'platform', type: type.string, usage: 'Set platform if server is multi-platform capable' },
  ],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  const [source = '', name] = args;
  let stream: Readable | undefined;
  if (source === '-') stream = process.stdin;
  else if (!/^(https?|ftp):\/\//.test(source)) stream = openForReading(source);
  const reference = name ? parseReference(name) : undefined;
  const query = {
    fromSrc: stream ? '-' : source,
    repo: reference && familiarName(reference),
    tag: reference?.tag || undefined,
    message: flags.string('message') || undefined,
    changes: flags.list('change'),
    platform: flags.string('platform') || undefined,
  };
  const response = await client.send('POST', '/images/create', {
    query,
    ...(stream ? { stream, headers: { 'Content-Type': 'text/plain' } } : {}),
  });
  await showProgress(response);
}

/** A file as a stream; throws at once, in Go's words, if it cannot be opened. */
export function openForReading(path: string): Readable {
  try {
    return createReadStream('', { fd: openSync(path, 'r') });
  } catch (error) {
    throw new StatusError(goFileError(error, 'open', path));
  }
}

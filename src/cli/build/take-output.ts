/** What was built comes to this machine: its files as they are or as an archive, or the image as `save` makes it. */
import { mkdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { ApiClient } from '../api/client.ts';
import { StatusError } from '../command/status-error.ts';
import { unpackStream } from '../container/tar-process.ts';
import { goFileError } from '../container/variable-file.ts';
import { checkOutput, saveStream } from '../terminal/stream-out.ts';
import { isTerminal } from '../terminal/terminal-device.ts';
import type { BuildOutput } from './output-flag.ts';

export const isToStdout = (output: BuildOutput): boolean => 'to' in output && output.to === '-';

/** Before anything is built. @throws StatusError */
export function checkPlace(output: BuildOutput): void {
  if (!('to' in output)) return;
  const { kind, to } = output;
  if (to === '-') {
    if (isTerminal(1))
      throw new StatusError(`dest file is required for ${kind} exporter. refusing to write to console`);
  } else if (kind === 'local') makeDirectory(to);
  else checkOutput(to, `failed to write what is built`);
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new StatusError(`failed to create output directory: ${goFileError(error, 'mkdir', path)}`);
  }
}

/** For the archive of the files; undefined where they are not asked for. */
export function takerOf(output: BuildOutput): ((archive: Readable) => Promise<void>) | undefined {
  if (output.kind === 'local') return (archive) => unpackStream(archive, output.to, undefined, false);
  if (output.kind === 'tar') return (archive) => saveStream(archive, output.to === '-' ? '' : output.to);
  return undefined;
}

/** `names`: tags, or the id. */
export async function saveBuilt(client: ApiClient, names: readonly string[], to: string): Promise<void> {
  const response = await client.send('GET', '/images/get', { query: { names } });
  await saveStream(response, to === '-' ? '' : to);
}

/** `build`: an image of a Dockerfile and a context, by the daemon's builder. */
import { rmSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { ApiClient } from '../api/client.ts';
import { isNotFound } from '../api/client.ts';
import { allCredentials } from '../api/registry-auth.ts';
import { buildFlags } from '../build/build-flags.ts';
import { buildQuery } from '../build/build-query.ts';
import { openContext, type ContextBody } from '../build/context-body.ts';
import { findContext } from '../build/context-source.ts';
import { reporter, type Reporter } from '../build/reporter.ts';
import { secretValues } from '../build/secret-flag.ts';
import type { Call, Command } from '../command/command.ts';
import type { FlagSet } from '../command/flag-set.ts';
import { StatusError } from '../command/status-error.ts';
import { goFileError } from '../container/variable-file.ts';
import { readProgress } from '../terminal/json-progress.ts';
import type { IncomingMessage } from 'node:http';

export const buildCommand: Command = {
  use: 'build [OPTIONS] PATH | URL | -',
  short: 'Build an image from a Dockerfile',
  aliases: ['image build', 'build', 'builder build'],
  args: [1, 1],
  flags: buildFlags,
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  const file = flags.string('file');
  const source = findContext(args[0] ?? '', file);
  // What an earlier build left there would count as this one's.
  for (const path of [flags.string('iidfile'), flags.string('metadata-file')]) if (path !== '') removeStale(path);
  const body = await openContext(source, file);
  const report = reporter(flags);
  let id = '';
  try {
    const response = await send(client, flags, body, report);
    const onAux = (aux: unknown): void => {
      const { ID } = aux as { ID?: unknown };
      if (typeof ID === 'string') id = ID;
    };
    await readProgress(response, report.show, onAux, true);
  } catch (error) {
    report.end(true);
    throw error;
  }
  const said = report.end(false);
  // What is left of a quiet build is the id, and the end of its line.
  if (flags.bool('quiet')) id = said;
  if (flags.string('iidfile') !== '') writeId(flags.string('iidfile'), id);
  if (flags.string('metadata-file') !== '') writeMetadata(flags.string('metadata-file'), id.trim(), flags.list('tag'));
}

async function send(client: ApiClient, flags: FlagSet, body: ContextBody, report: Reporter): Promise<IncomingMessage> {
  const secrets = secretValues(flags.objects('secret'));
  const extras = { Secrets: secrets, ...(body.text === undefined ? {} : { Dockerfile: body.text }) };
  const hasExtras = Object.keys(secrets).length > 0 || body.text !== undefined;
  // A context is sent once: the version that the daemon speaks is asked for before.
  await client.done('GET', '/_ping');
  const registries = paddedBase64(JSON.stringify(await allCredentials()));
  const context = body.pieces && counted(body.pieces, report.sending);
  const pieces = hasExtras ? withExtras(extras, context) : flags.bool('compress') ? await compressed(context) : context;
  try {
    return await client.send('POST', hasExtras ? '/causeway/build' : '/build', {
      query: buildQuery(flags, body.dockerfile, body.remote),
      headers: { 'X-Registry-Config': registries, 'Content-Type': 'application/x-tar' },
      ...(pieces ? { stream: Readable.from(pieces, { objectMode: false }) } : {}),
    });
  } catch (error) {
    if (hasExtras && isNotFound(error))
      throw new StatusError(
        'this daemon takes no secrets for a build, and no Dockerfile for a context from an address',
      );
    throw error;
  }
}

/** For addresses, and with the padding that dockerd insists on. */
const paddedBase64 = (text: string): string =>
  Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');

type Pieces = Iterable<Buffer> | AsyncIterable<Buffer>;

async function* counted(pieces: Pieces, sending: (bytes: number, isAll: boolean) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    sending(bytes, false);
    yield piece;
  }
  sending(bytes, true);
}

/** In front of the context, on a line of its own. */
async function* withExtras(extras: object, context: Pieces | undefined): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(extras)}\n`);
  if (context) yield* context;
}

async function compressed(context: Pieces | undefined): Promise<Pieces | undefined> {
  if (!context) return undefined;
  const { createGzip } = await import('node:zlib');
  const gzip = createGzip();
  const source = Readable.from(context, { objectMode: false });
  source.on('error', (error) => gzip.destroy(error));
  return source.pipe(gzip) as AsyncIterable<Buffer>;
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

function writeMetadata(path: string, id: string, tags: readonly string[]): void {
  const names = tags.length > 0 ? { 'image.name': tags.join(',') } : {};
  writeNew(path, `${JSON.stringify({ 'containerimage.config.digest': id, ...names }, undefined, 2)}\n`);
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new StatusError(goFileError(error, 'open', path));
  }
}

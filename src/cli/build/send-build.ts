/** A build's way to the daemon: by the classic API, and what only Causeway's daemon takes by its own route and a session. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { isNotFound, type ApiClient } from '../api/client.ts';
import { allCredentials } from '../api/registry-auth.ts';
import type { FlagSet } from '../command/flag-set.ts';
import { StatusError } from '../command/status-error.ts';
import type { BuildSession } from './build-session.ts';
import { buildQuery } from './build-query.ts';
import { namedDirectory, type AskedContext, type ContextBody } from './context-body.ts';
import { entriesOf } from './context-entries.ts';
import type { NamedContexts } from './named-contexts.ts';
import type { Reporter } from './reporter.ts';
import { secretValues } from './secret-flag.ts';

export interface Build {
  readonly flags: FlagSet;
  readonly tags: readonly string[];
  readonly body: ContextBody;
  readonly named: NamedContexts;
  /** Sockets by id. */
  readonly agents: ReadonlyMap<string, string>;
  /** What is done with the archive of the files that were built. */
  readonly take: ((archive: Readable) => Promise<void>) | undefined;
  readonly report: Reporter;
}

export interface SentBuild {
  readonly response: IncomingMessage;
  /** When the answer was read. */
  close(): void;
}

/** From here on the daemon is offered the files one by one: what is smaller is sent before HTTP/2 is loaded. */
const MANY_FILES = 500;
const MANY_BYTES = 4 * 1024 * 1024;

/** `server`: what the daemon says that it is. @throws StatusError */
export async function sendBuild(client: ApiClient, build: Build, server: string): Promise<SentBuild> {
  const { flags, body, named, agents, take, report } = build;
  const needsSession = agents.size > 0 || take !== undefined || named.directories.size > 0;
  const takesSessions = server.startsWith('Causeway/');
  if ((needsSession || Object.keys(named.values).length > 0) && !takesSessions)
    throw new StatusError("this daemon takes no --build-context, --ssh or files as --output: it is none of Causeway's");
  const asked = takesSessions && body.asked && (needsSession || isLarge(body.asked)) ? body.asked : undefined;
  const session = asked || needsSession ? await open(client, build, asked) : undefined;
  try {
    const secrets = secretValues(flags.objects('secret'));
    const text = asked ? asked.dockerfileText() : body.text;
    const extras = {
      ...(Object.keys(secrets).length > 0 ? { Secrets: secrets } : {}),
      ...(text === undefined ? {} : { Dockerfile: text }),
      ...(Object.keys(named.values).length > 0 ? { Contexts: named.values } : {}),
      ...(session
        ? { Session: session.name, SessionContext: asked !== undefined, SessionFiles: take !== undefined }
        : {}),
    };
    const hasExtras = Object.keys(extras).length > 0;
    const context = asked ? undefined : body.pieces && counted(body.pieces, report.sending);
    const pieces = flags.bool('compress') ? await compressed(context) : context;
    const response = await post(client, build, hasExtras, hasExtras ? withExtras(extras, pieces) : pieces);
    return { response, close: () => session?.close() };
  } catch (error) {
    session?.close();
    throw error;
  }
}

async function post(
  client: ApiClient,
  { flags, body, tags }: Build,
  hasExtras: boolean,
  pieces: Pieces | undefined,
): Promise<IncomingMessage> {
  const registries = paddedBase64(JSON.stringify(await allCredentials()));
  try {
    return await client.send('POST', hasExtras ? '/causeway/build' : '/build', {
      query: buildQuery(flags, { ...body, tags }),
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

/** Whether it is worth a session. What is small is sent faster than it is compared. */
function isLarge(context: AskedContext): boolean {
  let [files, bytes] = [0, 0];
  for (const { stats } of entriesOf(context)) {
    files++;
    if (stats.isFile()) bytes += stats.size;
    if (files > MANY_FILES || bytes > MANY_BYTES) return true;
  }
  return false;
}

/** What speaks HTTP/2 is loaded for this alone. */
async function open(
  client: ApiClient,
  { named, agents, take, report }: Build,
  asked: AskedContext | undefined,
): Promise<BuildSession> {
  const { openSession } = await import('./build-session.ts');
  const directories = new Map([...named.directories].map(([name, path]) => [name, namedDirectory(path)] as const));
  if (asked) directories.set('context', asked);
  return await openSession(client, { directories, agents, take, sending: report.asked });
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

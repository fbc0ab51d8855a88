/**
 * What POST /causeway/build has in front of the context: one line of JSON with the secrets of the build, the text of a
 * Dockerfile, further contexts, and the session of the client that has the rest. They are in the body, as addresses and
 * headers are logged.
 */
import type { Readable } from 'node:stream';
import { invalid } from '../../base/errors.ts';
import type { BuildClient } from '../../model/build-client.ts';
import type { BuildExtras } from '../../model/build-order.ts';
import { buildExtrasSchema } from '../../wire/build.ts';
import { parseBody } from '../../wire/parse-body.ts';
import { contextSource } from './solve-order.ts';

const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** BuildKit's. */
const MAX_SECRET_BYTES = 500 * 1024;
const LINE_END = 0x0a;
const NO_INPUTS: ReadonlyMap<string, string> = new Map();

/** The rest of the body is left to be read. `sessionOf`: the client of that name. @throws invalid */
export async function readBuildExtras(
  body: Readable,
  sessionOf: (name: string) => Promise<BuildClient>,
): Promise<BuildExtras> {
  const line = await firstLine(body);
  const { Secrets, Dockerfile, Contexts, Session, SessionContext, SessionFiles } = parseBody(
    buildExtrasSchema,
    'BuildExtras',
    line,
  );
  const secrets = new Map<string, Buffer>();
  for (const [id, text] of Object.entries(Secrets)) {
    const value = Buffer.from(text, 'base64');
    if (value.length > MAX_SECRET_BYTES) throw invalid(`secret ${id} too big. max size 500KB`);
    secrets.set(id, value);
  }
  const named = new Map(
    Object.entries(Contexts).map(([name, value]) => [name, contextSource(name, value, NO_INPUTS)] as const),
  );
  const needsSession = SessionContext || SessionFiles || [...named.values()].some((source) => 'directory' in source);
  if (needsSession && Session === '') throw invalid("what is on the client's machine needs a session");
  if (SessionContext && Dockerfile === '') throw invalid('a context of a session needs the text of a Dockerfile');
  return {
    secrets,
    dockerfileText: Dockerfile === '' ? undefined : Dockerfile,
    named,
    session:
      Session === ''
        ? undefined
        : { client: await sessionOf(Session), hasContext: SessionContext, takesFiles: SessionFiles },
  };
}

async function firstLine(body: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const end = piece.indexOf(LINE_END);
    const part = end < 0 ? piece : piece.subarray(0, end);
    pieces.push(part);
    size += part.length;
    if (size > MAX_LINE_BYTES) throw invalid(`the secrets of a build are larger than ${MAX_LINE_BYTES} bytes`);
    if (end < 0) continue;
    body.unshift(piece.subarray(end + 1));
    return Buffer.concat(pieces).toString();
  }
  throw invalid('the body has no line of JSON in front of the context');
}

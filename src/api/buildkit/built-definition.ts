/**
 * What was built, as a graph: one operation that names it, and one that points to that. Clients hand it on as the input of
 * another build; they read no more of it than that it is one.
 */
import { createHash } from 'node:crypto';
import { decode, encode, list, message, nested, text, whole, type MessageValue } from '../../wire/protobuf.ts';
import type { definition } from '../../wire/buildkit/control.ts';

const SCHEME = 'causeway-built://';
const ID = /^sha256:[0-9a-f]{64}$/;

const operation = message({
  inputs: list(1, message({ digest: text(1), index: whole(2) })),
  source: nested(3, message({ identifier: text(1) })),
});

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export function builtDefinition(imageId: string): MessageValue<typeof definition> {
  const source = encode(operation, { source: { identifier: `${SCHEME}${imageId}` } });
  const root = encode(operation, { inputs: [{ digest: digestOf(source), index: 0 }] });
  // Clients count what they are told of each operation, and it may be nothing.
  return { operations: [source, root], metadata: new Map([source, root].map((bytes) => [digestOf(bytes), {}])) };
}

/** The image's id; undefined where it is another's graph. */
export function builtIn({ operations }: MessageValue<typeof definition>): string | undefined {
  if (operations.length !== 2) return undefined;
  for (const bytes of operations) {
    const { source } = decode(operation, bytes);
    const id = source?.identifier.startsWith(SCHEME) ? source.identifier.slice(SCHEME.length) : '';
    if (ID.test(id)) return id;
  }
  return undefined;
}

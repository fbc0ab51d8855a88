/** The framing of the event stream: JSON texts, a line each, by the name that the API version or the client has for it. */
import { namedMediaType } from './accept.ts';
import type { Call } from './call.ts';

const LINES = 'application/jsonl';
const NEWLINE_DELIMITED = 'application/x-ndjson';
const SEQUENCE = 'application/json-seq'; // RFC 7464: a record separator stands before each text

export interface EventFraming {
  readonly contentType: string;
  /** What stands before each line. */
  readonly separator: string;
}

export function eventFraming(call: Call): EventFraming {
  const named = namedMediaType(call.request.headers.accept, [LINES, NEWLINE_DELIMITED, SEQUENCE]);
  return { contentType: named ?? usualType(call), separator: named === SEQUENCE ? '\x1e' : '' };
}

function usualType(call: Call): string {
  if (call.olderThan('1.52')) return 'application/json';
  return call.olderThan('1.53') ? NEWLINE_DELIMITED : LINES;
}

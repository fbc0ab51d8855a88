/** JSON of an answer. A bigint is written as the number that it is, which clients with 64-bit numbers read whole. */
import { randomUUID } from 'node:crypto';

// No text of a user's can be taken for a marked number.
const MARK = `bigint:${randomUUID()}:`;
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g');

export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Hardly ever: only then is every part looked at.
    return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${MARK}${part}` : part)).replace(
      MARKED,
      '$1',
    );
  }
}

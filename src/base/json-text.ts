/**
 * Untrusted JSON. What is nested deeply takes many times the memory and the time of its size, when it is read and
 * whenever it is written again; no legitimate document needs a hundred levels.
 */
const MAX_DEPTH = 200;

export class NestingError extends SyntaxError {}

/** As JSON.parse. @throws NestingError where values are nested deeper than 200 */
export function parseJsonText(text: string): unknown {
  if (text.length > 2 * MAX_DEPTH && isDeeper(text, MAX_DEPTH))
    throw new NestingError(`nested deeper than ${MAX_DEPTH} values`);
  return JSON.parse(text) as unknown;
}

function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > limit) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      default:
    }
  }
  return false;
}

/** Where its closing quote is; the end of the text where there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x22) return at;
  }
  return text.length;
}

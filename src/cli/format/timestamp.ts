/** --since and --until: a time, a Unix time, or how long ago ("10m"), as the API takes them: seconds.nanoseconds. */
import { parseDurationNs } from './duration.ts';

const ISO = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d))?(?::(\d\d)(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/** Empty stays empty. Throws with Docker's sentence. */
export function parseTimestamp(text: string, now = Date.now()): string {
  if (text === '') return '';
  try {
    const ago = parseDurationNs(text);
    return secondsText(BigInt(now) * 1_000_000n - BigInt(ago));
  } catch {
    // not a duration
  }
  const match = ISO.exec(text);
  if (match) {
    const [, day = '', hours = '00', minutes = '00', seconds = '00', fraction = '', zone] = match;
    const ms = Date.parse(`${day}T${hours}:${minutes}:${seconds}${zone ?? ''}`);
    if (Number.isNaN(ms)) throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
    const ns = BigInt(fraction.slice(1).padEnd(9, '0').slice(0, 9));
    return secondsText(BigInt(ms) * 1_000_000n + ns);
  }
  if (/^\d+(?:\.\d+)?$/.test(text)) return text;
  throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
}

const secondsText = (ns: bigint) => `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}`;

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

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

/** A Unix time as RFC 3339 in local time; `nanoseconds` are shown with all nine digits. */
export function rfc3339(seconds: number, nanoseconds?: bigint): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  const zone =
    offset === 0
      ? 'Z'
      : `${offset < 0 ? '-' : '+'}${pad(Math.trunc(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day}T${time}${nanoseconds === undefined ? '' : `.${String(nanoseconds).padStart(9, '0')}`}${zone}`;
}

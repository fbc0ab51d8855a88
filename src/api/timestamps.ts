/** Times as they come in query parameters: '1700000000', '1700000000.123456789', and RFC 3339 from other clients. */
import { invalid } from '../base/errors.ts';

/** Nanoseconds since the epoch; 0n when absent. */
export function parseTimestampNs(value: string, name: string): bigint {
  if (value === '' || value === '0') return 0n;
  const unix = /^(-?\d+)(?:\.(\d+))?$/.exec(value);
  if (unix) {
    const fraction = (unix[2] ?? '').slice(0, 9).padEnd(9, '0');
    return BigInt(unix[1]!) * 1_000_000_000n + BigInt(fraction);
  }
  const rfc = /^(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?)?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?$/i.exec(value);
  const ms = rfc ? Date.parse(`${rfc[1]}${rfc[1]!.includes('T') ? (rfc[3] ?? '') : ''}`) : Number.NaN;
  if (Number.isNaN(ms))
    throw invalid(
      `invalid value for ${JSON.stringify(name)}: failed to parse value as time or duration: ${JSON.stringify(value)}`,
    );
  return BigInt(ms) * 1_000_000n + BigInt((rfc?.[2] ?? '').padEnd(9, '0') || '0');
}

/** RFC 3339 with all nine digits, so that columns of log timestamps line up. */
export function formatLogTime(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${(timeNs % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

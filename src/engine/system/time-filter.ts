import { invalid } from '../../base/errors.ts';

const UNITS_MS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a Go duration ('1h30m', '10s'), or undefined where it is none. */
function parseDurationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const match of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(match[1]) * UNITS_MS[match[2]!]!;
  return total;
}

/**
 * The `until` of prune filters: a Go duration back from now, a Unix time, or RFC 3339. Milliseconds since the epoch.
 */
export function parseUntilMs(text: string, nowMs: number): number {
  const duration = parseDurationMs(text);
  if (duration !== undefined) return nowMs - duration;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`failed to parse value as time or duration: "${text}"`);
  return time;
}

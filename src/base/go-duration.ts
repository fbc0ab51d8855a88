/** Durations as Go prints them, which is how Docker's messages have them: "50ms", "1.5s", "1m30s", "1h0m0s". */

const NS_PER_S = 1e9;

export function goDuration(ns: number): string {
  if (ns === 0) return '0s';
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${ns / 1e3}µs`;
  if (ns < NS_PER_S) return `${ns / 1e6}ms`;
  const minutes = Math.floor(ns / (60 * NS_PER_S));
  const seconds = `${(ns - minutes * 60 * NS_PER_S) / NS_PER_S}s`;
  if (minutes === 0) return seconds;
  if (minutes < 60) return `${minutes}m${seconds}`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

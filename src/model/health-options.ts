/** The options of a health check as they are written: in Go's form, with Docker's words for what it does not take. */
import { invalid } from '../base/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds; `name` is the option's. @throws invalid */
export function parseHealthDuration(name: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text !== '0' && (parts.length === 0 || parts.map((part) => part[0]).join('') !== text)) {
    throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
  }
  const valueNs = parts.reduce((sum, part) => sum + Number(part[1]) * UNITS[part[2]!]!, 0);
  if (valueNs >= 2 ** 63) throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
  if (valueNs !== 0 && valueNs < 1e6) throw invalid(`Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  return Math.round(valueNs);
}

/** 32 bits, as in Docker. @throws invalid */
export function parseHealthRetries(text: string): number {
  const wrong = (reason: string) =>
    invalid(`strconv.ParseInt: parsing ${JSON.stringify(text.slice(0, 64))}: ${reason}`);
  if (!/^[+-]?\d+$/.test(text)) throw wrong('invalid syntax');
  const value = Number(text);
  if (value < -(2 ** 31) || value >= 2 ** 31) throw wrong('value out of range');
  if (value < 0) throw invalid(`--retries cannot be negative (${value})`);
  return value;
}

/** Sizes as people write and read them, with Docker's rounding: 12.3MB (powers of 1000), 1.5GiB (powers of 1024). */

const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** Go's %.Ng: that many significant digits, no trailing zeros, an exponent only for the very large and small. */
export function formatSignificant(value: number, digits: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const exponent = Number(value.toExponential(digits - 1).split('e')[1]);
  if (exponent < -4 || exponent >= digits) {
    const [mantissa = '', power = ''] = value.toExponential(digits - 1).split('e');
    const sign = power.startsWith('-') ? '-' : '+';
    return `${mantissa.replace(/\.?0+$/, '')}e${sign}${power.replace(/^[+-]/, '').padStart(2, '0')}`;
  }
  const fixed = value.toFixed(Math.max(0, digits - 1 - exponent));
  return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${formatSignificant(value, digits)}${units[unit]}`;
}

export const humanSize = (bytes: number, digits = 4): string => scaled(bytes, 1000, DECIMAL_UNITS, digits);
export const binarySize = (bytes: number): string => scaled(bytes, 1024, BINARY_UNITS, 4);

const FACTOR = 'kmgtp';

/** Bytes of "512m", "1.5g", "10MiB" in powers of 1024; throws with Docker's sentence. */
export function parseRamBytes(text: string): number {
  const lastDigit = /^.*[0-9. ]/s.exec(text)?.[0].length ?? 0;
  if (lastDigit === 0) throw new Error(`invalid size: '${text}'`);
  const last = text.charAt(lastDigit - 1);
  const number = last === ' ' ? text.slice(0, lastDigit - 1) : text.slice(0, lastDigit);
  const suffix = text.slice(lastDigit).toLowerCase();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(number)) {
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  const value = Number(number);
  if (value < 0) throw new Error(`invalid size: '${text}'`);
  if (suffix === '') return Math.trunc(value);
  const power = FACTOR.indexOf(suffix.charAt(0));
  const unitIsFine = suffix === 'b' || (power >= 0 && ['', 'b', 'ib'].includes(suffix.slice(1)));
  if (!unitIsFine) throw new Error(`invalid suffix: '${suffix}'`);
  return Math.trunc(value * (suffix === 'b' ? 1 : 1024 ** (power + 1)));
}

/**
 * How long a container's log may grow. The words are those with which Docker refuses the start; here they come when the
 * container is made.
 */
import { invalid, type CausewayError } from '../../base/errors.ts';

type LogOptions = Readonly<Record<string, string>>;

const SCALES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
};

/** Undefined: without end. @throws invalid */
export function logMaxBytes(options: LogOptions): number | undefined {
  const text = options['max-size'] ?? '';
  if (text === '' || text === '-1') return undefined;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)b?$/i.exec(text) ?? [];
  if (amount === undefined) throw refused(`invalid size: '${text}'`);
  const bytes = Math.floor(Number(amount) * SCALES[unit.toLowerCase()]!);
  if (bytes < 1 || bytes >= 2 ** 63) throw refused('max-size must be a positive number');
  return bytes;
}

/** @throws invalid */
export function checkLogOptions(options: LogOptions): void {
  logMaxBytes(options);
  const files = options['max-file'] ?? '';
  if (files === '') return;
  if (!/^[-+]?\d{1,18}$/.test(files)) throw refused(`strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`);
  if (Number(files) < 1) throw refused('max-file cannot be less than 1');
}

function refused(reason: string): CausewayError {
  return invalid(`failed to initialize logging driver: ${reason}`);
}

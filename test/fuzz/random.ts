/** Chance that can be had again: everything that a fuzzer makes up follows from its seed. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A small number mostly, a large one now and then. */
  length(most: number): number {
    return Math.min(most, this.once(20) ? this.below(most + 1) : this.below(12));
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.length(most) }, make);
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.next();
    return bytes;
  }
}

/**
 * Names that mean something to JavaScript, to C, to a shell, to a path, to a pattern: where a program takes text for
 * something else.
 */
const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\n',
  '\r\n',
  '\t',
  '\x1b[2J',
  '\u{1f433}',
  '\ud800',
  '\udfff',
  '\u202e',
  '\ufeff',
  '\u0130',
  'ß',
  'é',
  '%00',
  '%s%n%d',
  '%',
  '%zz',
  '${x}',
  '$(id)',
  '`id`',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'length',
  'then',
  'null',
  'undefined',
  'NaN',
  'true',
  'false',
  '[object Object]',
  '.',
  '..',
  '/',
  '//',
  '../../../../etc/passwd',
  '/proc/self/mem',
  '/dev/null',
  './-',
  '-',
  '--',
  '-rf',
  '--help',
  '\\',
  "'",
  '"',
  "';--",
  '*',
  '?',
  '[',
  ']',
  '[z-a]',
  '(',
  '(a+)+$',
  '|',
  '&',
  '#',
  ';',
  ':',
  '::',
  '@',
  '=',
  ',',
  '0',
  '-0',
  '-1',
  '1',
  '1.5',
  '007',
  '0x10',
  '1e3',
  '1e309',
  '65535',
  '65536',
  '2147483647',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '18446744073709551616',
  '0.0.0.0',
  '127.0.0.1',
  '256.1.1.1',
  '10.0.0.0/8',
  '10.0.0.0/33',
  '::1',
  '::/0',
  '::ffff:127.0.0.1',
  'fe80::1%eth0',
  '[::1]:80',
  '80/tcp',
  '80-90',
  '0/tcp',
  '65536/udp',
  '1-0',
  'container:',
  'container:x',
  'host',
  'none',
  'sha256:',
  `sha256:${'a'.repeat(64)}`,
  'a'.repeat(64),
  'a'.repeat(256),
  'é'.repeat(130),
];

export const HOSTILE_NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  2,
  7,
  255,
  256,
  65535,
  65536,
  1.5,
  -1.5,
  1e-9,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  2 ** 64,
  1e21,
  1e300,
  -1e300,
  5e-324,
];

const MEGABYTE = 'x'.repeat(1 << 20);

export function hostileText(random: Random, words: readonly string[] = []): string {
  if (words.length > 0 && !random.once(3)) return random.pick(words);
  switch (random.below(24)) {
    case 0:
      return random.pick(HOSTILE_TEXTS) + random.pick(HOSTILE_TEXTS);
    case 1:
      return random.bytes(random.length(200)).toString('latin1');
    case 2:
      return random.pick(HOSTILE_TEXTS).repeat(random.length(400));
    case 3:
      return random.once(200) ? MEGABYTE : 'x'.repeat(random.length(5000));
    case 4:
      return String.fromCharCode(...random.list(40, () => random.below(0x10000)));
    case 5:
      return words.length > 0 ? random.pick(words) + random.pick(HOSTILE_TEXTS) : random.pick(HOSTILE_TEXTS);
    default:
      return random.pick(HOSTILE_TEXTS);
  }
}

/** Any JSON value; deep, wide and badly named now and then. */
export function hostileJson(random: Random, words: readonly string[] = [], depth = 4): unknown {
  switch (random.below(depth > 0 ? 10 : 6)) {
    case 0:
      return null;
    case 1:
      return random.once(2);
    case 2:
      return random.pick(HOSTILE_NUMBERS);
    case 3:
    case 4:
    case 5:
      return hostileText(random, words);
    case 6:
      return random.once(500)
        ? Array.from({ length: 100_000 }, () => random.pick([null, 1, 'x']))
        : random.list(20, () => hostileJson(random, words, depth - 1));
    case 7:
      return random.once(50) ? nested(random) : random.list(6, () => hostileJson(random, words, depth - 1));
    default:
      return jsonObject(random.list(12, () => [hostileText(random, words), hostileJson(random, words, depth - 1)]));
  }
}

/** As JSON.parse makes it: `__proto__` is a field like any other. */
export function jsonObject(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, value] of entries)
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  return object;
}

function nested(random: Random): unknown {
  let value: unknown = null;
  const asList = random.once(2);
  for (let depth = random.below(2000); depth > 0; depth--) value = asList ? [value] : { x: value };
  return value;
}

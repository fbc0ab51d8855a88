/**
 * What is nearly right gets further than what is made up: real messages, archives and lines with something wrong in
 * them.
 */
import { hostileText, type Random } from './random.ts';

const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 16, 0x7f, 0x80, 0xff];

/** One of the samples with one to some changes; or now and then nothing but noise. */
export function mutateBytes(random: Random, samples: readonly Buffer[]): Buffer {
  if (random.once(40)) return random.bytes(random.length(600));
  let bytes = Buffer.from(random.pick(samples));
  for (let left = 1 + random.length(6); left > 0; left--) bytes = changeBytes(random, bytes, samples);
  return bytes;
}

function changeBytes(random: Random, bytes: Buffer<ArrayBuffer>, samples: readonly Buffer[]): Buffer<ArrayBuffer> {
  if (bytes.length === 0) return random.bytes(16) as Buffer<ArrayBuffer>;
  const at = random.below(bytes.length);
  const to = Math.min(bytes.length, at + 1 + random.length(64));
  switch (random.below(9)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.pick(LENGTHS);
      return bytes;
    case 2:
      bytes.fill(random.pick([0, 0xff, 0x30, 0x37]), at, to);
      return bytes;
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 6:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.length(40)), bytes.subarray(at)]);
    case 7: {
      const other = random.pick(samples);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    }
    default:
      if (at + 4 <= bytes.length)
        bytes.writeUInt32LE(random.pick([0, 1, bytes.length, 0x7fffffff, 0x80000000, 0xffffffff]), at);
      return bytes;
  }
}

/** A text in the manner of the samples, with words that mean something to whoever reads it. */
export function mutateText(random: Random, samples: readonly string[], words: readonly string[]): string {
  if (random.once(12)) return random.list(12, () => hostileText(random, words)).join(random.pick(['', ' ', '\n', ',']));
  let text = random.pick(samples);
  for (let left = random.length(5); left > 0; left--) text = changeText(random, text, samples, words);
  return text;
}

function changeText(random: Random, text: string, samples: readonly string[], words: readonly string[]): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + 1 + random.length(12));
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, at) + hostileText(random, words) + text.slice(at);
    case 2:
      return text.slice(0, at) + hostileText(random, words) + text.slice(to);
    case 3:
      return text.slice(0, to) + text.slice(at);
    case 4: {
      const other = random.pick(samples);
      return text.slice(0, at) + other.slice(random.below(other.length + 1));
    }
    default:
      return text.slice(0, at) + String.fromCharCode(random.below(random.once(4) ? 0x10000 : 128)) + text.slice(to);
  }
}

/** A JSON value in the manner of a sample: fields replaced, renamed, taken away. */
export function mutateJson(random: Random, sample: unknown, made: () => unknown): unknown {
  if (random.once(8)) return made();
  if (Array.isArray(sample)) {
    const list = sample.map((item) => (random.once(3) ? mutateJson(random, item, made) : item));
    if (random.once(4)) list.splice(random.below(list.length + 1), random.below(2), made());
    return list;
  }
  if (typeof sample !== 'object' || sample === null) return random.once(2) ? made() : sample;
  const object: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(sample)) {
    if (random.once(12)) continue;
    object[random.once(30) ? hostileText(random) : key] = random.once(3) ? mutateJson(random, value, made) : value;
  }
  return object;
}

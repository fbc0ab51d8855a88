/**
 * Protocol buffers, as far as BuildKit's API needs them: messages are described by tables, read strictly and in bounds,
 * and written without what is empty. Fields that a table does not know are skipped.
 */
import { invalid } from '../base/errors.ts';

/** A field's number and how its value is read and written. */
export interface Field<T> {
  readonly number: number;
  /** Where nothing was sent. */
  readonly empty: () => T;
  readonly read: (reader: Reader, wireType: number, before: T) => T;
  readonly write: (out: Writer, number: number, value: T) => void;
}

type Shape = Readonly<Record<string, Field<never>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;

export interface Message<T> {
  readonly fields: ReadonlyMap<number, { readonly key: string; readonly field: Field<unknown> }>;
  /** Never set: it carries the type. */
  readonly value?: T;
}

export type MessageValue<M> = M extends Message<infer T> ? T : never;

export function message<const S extends Readonly<Record<string, unknown>>>(
  shape: S,
): Message<{ readonly [K in keyof S]: ValueOf<S[K]> }> {
  const entries = Object.entries(shape as unknown as Shape);
  return {
    fields: new Map(entries.map(([key, field]) => [field.number, { key, field: field as unknown as Field<unknown> }])),
  };
}

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/** Of one list or map: a message of bounded size could hold millions of empty ones. */
const MAX_ELEMENTS = 100_000;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;

/** @throws invalid */
export function decode<T>(type: Message<T>, bytes: Buffer): T {
  const value: Record<string, unknown> = {};
  for (const { key, field } of type.fields.values()) value[key] = field.empty();
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    if (number < 1 || number > MAX_FIELD_NUMBER) throw invalid('a protobuf message has a field without a number');
    const known = type.fields.get(number);
    if (known) value[known.key] = known.field.read(reader, wireType, value[known.key]);
    else reader.skip(wireType);
  }
  return value as T;
}

export function encode<T>(type: Message<T>, value: Partial<T>): Buffer {
  const out = new Writer();
  for (const [number, { key, field }] of type.fields) {
    const one = (value as Record<string, unknown>)[key];
    if (one !== undefined) field.write(out, number, one);
  }
  return out.bytes();
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** A number of up to 64 bits; one with the highest bit set is negative. Beyond 53 bits it is rounded. */
  varint(): number {
    let value = 0n;
    let small = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      if (i < 7) small += (byte & 0x7f) * 2 ** (7 * i);
      else {
        if (i === 7) value = BigInt(small);
        value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      }
      if (byte < 0x80) return i < 7 ? small : Number(BigInt.asIntN(64, value));
    }
    throw invalid('a protobuf message ends in a number');
  }

  wide(): bigint {
    let value = 0n;
    for (let i = 0n; i < 70n; i += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << i;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw invalid('a protobuf message ends in a number');
  }

  take(wireType: number): Buffer {
    if (wireType !== BYTES) throw invalid('a protobuf message has a field of another kind');
    const length = this.varint();
    if (length < 0 || length > this.#bytes.length - this.#at) throw invalid('a protobuf message is cut off');
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === BYTES) this.take(wireType);
    else if (wireType === FIXED_64 || wireType === FIXED_32) {
      this.#at += wireType === FIXED_64 ? 8 : 4;
      if (this.#at > this.#bytes.length) throw invalid('a protobuf message is cut off');
    } else throw invalid('a protobuf message has a field of an unknown kind');
  }
}

class Writer {
  readonly #parts: Buffer[] = [];

  tag(number: number, wireType: number): void {
    this.varint(number * 8 + wireType);
  }

  varint(value: number | bigint): void {
    const bytes: number[] = [];
    let left = BigInt.asUintN(64, typeof value === 'bigint' ? value : BigInt(Math.trunc(value)));
    while (left >= 0x80n) {
      bytes.push(Number(left & 0x7fn) | 0x80);
      left >>= 7n;
    }
    bytes.push(Number(left));
    this.#parts.push(Buffer.from(bytes));
  }

  field(number: number, content: Buffer): void {
    this.tag(number, BYTES);
    this.varint(content.length);
    this.#parts.push(content);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

interface Scalar<T> {
  readonly empty: T;
  readonly read: (reader: Reader, wireType: number) => T;
  readonly write: (out: Writer, number: number, value: T) => void;
  readonly isEmpty: (value: T) => boolean;
}

const TEXT: Scalar<string> = {
  empty: '',
  read: (reader, wireType) => reader.take(wireType).toString(),
  write: (out, number, value) => out.field(number, Buffer.from(value)),
  isEmpty: (value) => value === '',
};

/** Text whose bytes count, as latin1: a character a byte. */
const NAME: Scalar<string> = {
  ...TEXT,
  read: (reader, wireType) => reader.take(wireType).toString('latin1'),
  write: (out, number, value) => out.field(number, Buffer.from(value, 'latin1')),
};

const CONTENT: Scalar<Buffer> = {
  empty: Buffer.alloc(0),
  read: (reader, wireType) => reader.take(wireType),
  write: (out, number, value) => out.field(number, value),
  isEmpty: (value) => value.length === 0,
};

const readNumber = (reader: Reader, wireType: number): number => {
  if (wireType !== VARINT) throw invalid('a protobuf message has a field of another kind');
  return reader.varint();
};

const NUMBER: Scalar<number> = {
  empty: 0,
  read: readNumber,
  write: (out, number, value) => {
    out.tag(number, VARINT);
    out.varint(value);
  },
  isEmpty: (value) => value === 0,
};

const WIDE: Scalar<bigint> = {
  empty: 0n,
  read: (reader, wireType) => {
    if (wireType !== VARINT) throw invalid('a protobuf message has a field of another kind');
    return reader.wide();
  },
  write: (out, number, value) => {
    out.tag(number, VARINT);
    out.varint(value);
  },
  isEmpty: (value) => value === 0n,
};

const YES_NO: Scalar<boolean> = {
  empty: false,
  read: (reader, wireType) => readNumber(reader, wireType) !== 0,
  write: (out, number, value) => NUMBER.write(out, number, value ? 1 : 0),
  isEmpty: (value) => !value,
};

const one =
  <T>(scalar: Scalar<T>) =>
  (number: number): Field<T> => ({
    number,
    empty: () => scalar.empty,
    read: scalar.read,
    write: (out, at, value) => {
      if (!scalar.isEmpty(value)) scalar.write(out, at, value);
    },
  });

function many<T>(number: number, item: Pick<Scalar<T>, 'read' | 'write'>): Field<readonly T[]> {
  return {
    number,
    empty: () => [],
    read: (reader, wireType, before) => {
      // The list is this message's own: it began with `empty`.
      const list = before as T[];
      if (list.length >= MAX_ELEMENTS) throw invalid(`a protobuf message has a list of more than ${MAX_ELEMENTS}`);
      list.push(item.read(reader, wireType));
      return list;
    },
    write: (out, at, values) => {
      for (const value of values) item.write(out, at, value);
    },
  };
}

const asScalar = <T>(type: Message<T>): Pick<Scalar<T>, 'read' | 'write'> => ({
  read: (reader, wireType) => decode(type, reader.take(wireType)),
  write: (out, number, value) => out.field(number, encode(type, value)),
});

export const text = one(TEXT);
export const name = one(NAME);
export const content = one(CONTENT);
/** int32, int64, uint32, uint64 and enumerations. */
export const whole = one(NUMBER);
/** int64 whose every bit counts: times in nanoseconds. */
export const wide = one(WIDE);
export const flag = one(YES_NO);
export const texts = (number: number): Field<readonly string[]> => many(number, TEXT);
export const contents = (number: number): Field<readonly Buffer[]> => many(number, CONTENT);
export const list = <T>(number: number, type: Message<T>): Field<readonly T[]> => many(number, asScalar(type));

/** What may be absent. */
export function nested<T>(number: number, type: Message<T>): Field<T | undefined> {
  const { read, write } = asScalar(type);
  return {
    number,
    empty: () => undefined,
    read,
    write: (out, at, value) => {
      if (value !== undefined) write(out, at, value);
    },
  };
}

function map<T>(
  number: number,
  entry: Message<{ readonly key: string; readonly value: T }>,
): Field<ReadonlyMap<string, T>> {
  return {
    number,
    empty: () => new Map(),
    read: (reader, wireType, before) => {
      const entries = before as Map<string, T>;
      if (entries.size >= MAX_ELEMENTS) throw invalid(`a protobuf message has a map of more than ${MAX_ELEMENTS}`);
      const { key, value } = decode(entry, reader.take(wireType));
      return entries.set(key, value);
    },
    write: (out, at, values) => {
      for (const [key, value] of values) out.field(at, encode(entry, { key, value }));
    },
  };
}

const textEntry = message({ key: text(1), value: text(2) });
const contentEntry = message({ key: text(1), value: content(2) });

export const textMap = (number: number): Field<ReadonlyMap<string, string>> => map(number, textEntry);
export const contentMap = (number: number): Field<ReadonlyMap<string, Buffer>> => map(number, contentEntry);
export const mapOf = <T>(number: number, type: Message<T>): Field<ReadonlyMap<string, T | undefined>> =>
  map(number, message({ key: text(1), value: nested(2, type) }));

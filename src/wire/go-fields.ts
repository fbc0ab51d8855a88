/**
 * Valibot building blocks that read JSON the way Docker's Go server does: a missing or null field is the zero value,
 * unknown fields are ignored, field names match in any case, and a wrong type is named with its field.
 */
import * as v from 'valibot';
import type { GoInteger } from '../base/go-integer.ts';
import { goInteger } from './go-integer.ts';

export const text = (fallback = '') => v.nullish(v.string(), fallback);
export const flag = (fallback = false) => v.nullish(v.boolean(), fallback);
export const integer = (fallback = 0, type: GoInteger = 'int64') => v.nullish(goInteger(type), fallback);
export const optionalFlag = () => v.nullish(v.boolean(), null);
export const optionalInteger = (type: GoInteger = 'int64') => v.nullish(goInteger(type), null);
export const texts = () => v.nullish(v.array(v.string()), []);
/** An absent list and an empty one mean different things (`Cmd`, `MaskedPaths`). */
export const optionalTexts = () => v.nullish(v.array(v.string()), null);
export const textMap = () => v.nullish(v.record(v.string(), v.nullish(v.string(), '')), {});
export const list = <S extends v.GenericSchema>(item: S) => v.nullish(v.array(item), []);
/** A Go set: { "80/tcp": {} }; only the keys count. */
export const keySet = () =>
  v.pipe(
    v.nullish(v.record(v.string(), v.unknown()), {}),
    v.transform((set) => Object.keys(set)),
  );
/** Go's strslice: a list, or one string that is a list of one. */
export const command = () =>
  v.pipe(
    v.nullish(v.union([v.array(v.string()), v.string()], 'array of strings'), null),
    v.transform((value): readonly string[] | null => (typeof value === 'string' ? [value] : value)),
  );

/** What a client may send where this schema reads: every field may be left out, or null. */
export type Sent<S extends v.GenericSchema> = Unchanging<v.InferInput<S>>;

type Unchanging<T> = T extends readonly (infer I)[]
  ? readonly Unchanging<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Unchanging<T[K]> }
    : T;

type FieldsSchema<E extends v.ObjectEntries> = v.GenericSchema<
  { -readonly [K in keyof E]?: v.InferInput<E[K]> },
  v.InferOutput<v.ObjectSchema<E, undefined>>
>;

/** An object whose field names match whatever their case; exact names win. */
export function fields<const E extends v.ObjectEntries>(entries: E): FieldsSchema<E> {
  const byLowerCase = new Map(Object.keys(entries).map((name) => [name.toLowerCase(), name]));
  const schema = v.pipe(
    v.unknown(),
    v.check((input) => !Array.isArray(input)), // valibot takes a list for an object
    v.transform((input) => {
      if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
      let renamed: Record<string, unknown> | undefined;
      for (const [name, value] of Object.entries(input)) {
        if (name in entries) continue;
        const known = byLowerCase.get(name.toLowerCase());
        if (known === undefined || known in input) continue;
        renamed ??= { ...input };
        renamed[known] = value;
      }
      return renamed ?? input;
    }),
    v.object(entries),
  );
  // It takes whatever there is; what is refused is refused by the object behind.
  return schema as unknown as FieldsSchema<E>;
}

/** The same for an object that may be absent. */
export const optionalFields = <const E extends v.ObjectEntries>(entries: E) => v.nullish(fields(entries), null);

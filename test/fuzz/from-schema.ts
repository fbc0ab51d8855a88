/**
 * Values for a valibot schema, made by walking it: every field that a route reads is met, with right values, hostile
 * ones of the right type, and of the wrong one. A field that is added to a schema is fuzzed from then on.
 */
import * as v from 'valibot';
import { HOSTILE_NUMBERS, hostileJson, hostileText, jsonObject, type Random } from './random.ts';

/** What valibot's schemas look like from outside, as far as this walks them. */
interface Shape {
  readonly type: string;
  readonly wrapped?: Shape;
  readonly item?: Shape;
  readonly value?: Shape;
  readonly options?: readonly Shape[];
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly pipe?: readonly Shape[];
  readonly kind?: string;
}

export interface SchemaWords {
  /** For any text: what exists, or means something to the engine. */
  readonly words: readonly string[];
  /** For the text of a field of this name. */
  readonly byField: Readonly<Record<string, readonly string[]>>;
}

export function fromSchema(random: Random, schema: v.GenericSchema, words: SchemaWords): unknown {
  return make(random, schema as unknown as Shape, words, '', 0);
}

function make(random: Random, shape: Shape, words: SchemaWords, field: string, depth: number): unknown {
  // Wrong on purpose, seldom enough that most of a request is read.
  if (random.once(120)) return hostileJson(random, words.words);
  const part = shape.pipe?.find((candidate) => candidate.kind === 'schema' && candidate.type !== 'unknown');
  const inner = part ?? shape;
  if (inner !== shape && inner.pipe !== shape.pipe) return make(random, inner, words, field, depth);
  switch (inner.type) {
    case 'nullish':
      return random.once(4) ? null : make(random, inner.wrapped!, words, field, depth);
    case 'object':
      return object(random, inner.entries!, words, depth);
    case 'array':
      return random.list(depth > 3 ? 2 : 8, () => make(random, inner.item!, words, field, depth + 1));
    case 'record':
      return jsonObject(
        random.list(6, () => [text(random, words, field), make(random, inner.value!, words, field, depth + 1)]),
      );
    case 'union':
      return make(random, random.pick(inner.options!), words, field, depth);
    case 'string':
      return text(random, words, field);
    case 'number':
      return number(random);
    case 'boolean':
      return random.once(2);
    default:
      return hostileJson(random, words.words, 3);
  }
}

function object(random: Random, entries: Readonly<Record<string, Shape>>, words: SchemaWords, depth: number): unknown {
  const names = Object.keys(entries);
  // Few fields of many: a request in which everything is set is refused for the first of them.
  const wanted = random.once(10) ? names.length : 1 + random.below(4);
  const fields = new Map<string, unknown>();
  for (let left = Math.min(wanted, names.length); left > 0; left--) {
    const name = random.pick(names);
    const spelled = random.once(40) ? name.toLowerCase() : name;
    fields.set(spelled, make(random, entries[name]!, words, name, depth + 1));
  }
  if (random.once(60)) fields.set(hostileText(random), hostileJson(random));
  return jsonObject([...fields]);
}

function text(random: Random, words: SchemaWords, field: string): string {
  const known = words.byField[field];
  if (known && !random.once(3)) return random.pick(known);
  return hostileText(random, words.words);
}

function number(random: Random): number {
  return random.once(2) ? random.below(200) : random.pick(HOSTILE_NUMBERS);
}

/** The names of all fields that the schema reads, for a test that says what was met. */
export function fieldsOf(schema: v.GenericSchema): Set<string> {
  const found = new Set<string>();
  const walk = (shape: Shape | undefined): void => {
    if (!shape) return;
    for (const [name, inner] of Object.entries(shape.entries ?? {})) {
      found.add(name);
      walk(inner);
    }
    for (const inner of [shape.wrapped, shape.item, shape.value, ...(shape.options ?? []), ...(shape.pipe ?? [])])
      if (inner !== shape) walk(inner);
  };
  walk(schema as unknown as Shape);
  return found;
}

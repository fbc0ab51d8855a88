/**
 * The part of JSON Schema that docs/openapi.yaml uses. A keyword that is not known here is an error, not a check that
 * never fails.
 */
export type Schema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = ['description', 'examples', 'format'];

/**
 * Everything about `value` that `schema` does not allow; empty: it is valid. `root` is the document that `$ref` points
 * into.
 */
export function schemaFaults(value: unknown, schema: Schema, root: Schema, at = '$'): string[] {
  const entries = Object.entries(schema).filter(([keyword]) => !ANNOTATIONS.includes(keyword));
  return entries.flatMap(([keyword, expected]) => {
    const check = KEYWORDS[keyword];
    if (!check) throw new Error(`${at}: the keyword '${keyword}' is not known to this test`);
    return check({ value, expected, schema, root, at });
  });
}

/** `{ $ref: '#/components/...' }` as what it points at. */
export function resolveRef(schema: Schema, root: Schema): Schema {
  const ref = schema['$ref'];
  if (typeof ref !== 'string') return schema;
  const found = ref
    .slice(2)
    .split('/')
    .reduce<unknown>((node, key) => (node as Schema | undefined)?.[key], root);
  if (found === undefined) throw new Error(`${ref} points at nothing`);
  return found as Schema;
}

interface Checked {
  readonly value: unknown;
  readonly expected: unknown;
  readonly schema: Schema;
  readonly root: Schema;
  readonly at: string;
}

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const fault = (wrong: boolean, text: string): string[] => (wrong ? [text] : []);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
};

const KEYWORDS: Readonly<Record<string, (checked: Checked) => string[]>> = {
  $ref: ({ value, schema, root, at }) => schemaFaults(value, resolveRef(schema, root), root, at),
  type: ({ value, expected, at }) =>
    fault(!TYPES[expected as string]!(value), `${at} is no ${String(expected)}: ${JSON.stringify(value)}`),
  enum: ({ value, expected, at }) =>
    fault(
      !(expected as unknown[]).includes(value),
      `${at} is none of ${JSON.stringify(expected)}: ${JSON.stringify(value)}`,
    ),
  pattern: ({ value, expected, at }) =>
    fault(
      typeof value === 'string' && !new RegExp(expected as string).test(value),
      `${at} does not match ${String(expected)}: ${String(value)}`,
    ),
  minimum: ({ value, expected, at }) =>
    fault((value as number) < (expected as number), `${at} is less than ${String(expected)}`),
  maximum: ({ value, expected, at }) =>
    fault((value as number) > (expected as number), `${at} is more than ${String(expected)}`),
  required: ({ value, expected, at }) =>
    isObject(value)
      ? (expected as string[]).filter((key) => !(key in value)).map((key) => `${at}.${key} is missing`)
      : [],
  properties: ({ value, expected, root, at }) =>
    isObject(value)
      ? Object.entries(expected as Record<string, Schema>).flatMap(([key, schema]) =>
          key in value ? schemaFaults(value[key], schema, root, `${at}.${key}`) : [],
        )
      : [],
  propertyNames: ({ value, expected, root, at }) =>
    isObject(value)
      ? Object.keys(value).flatMap((key) => schemaFaults(key, expected as Schema, root, `${at} (a key)`))
      : [],
  additionalProperties: ({ value, expected, schema, root, at }) => {
    const known = Object.keys((schema['properties'] as Schema | undefined) ?? {});
    const more = isObject(value) ? Object.entries(value).filter(([key]) => !known.includes(key)) : [];
    return more.flatMap(([key, one]) =>
      expected === false
        ? [`${at}.${key} is not described`]
        : schemaFaults(one, expected as Schema, root, `${at}.${key}`),
    );
  },
  items: ({ value, expected, root, at }) =>
    Array.isArray(value)
      ? value.flatMap((one, index) => schemaFaults(one, expected as Schema, root, `${at}[${index}]`))
      : [],
};

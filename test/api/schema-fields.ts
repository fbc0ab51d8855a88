/** The fields that a body's schema reads, by their path: 'HostConfig.Mounts[].Type', 'NetworkingConfig.EndpointsConfig.*.Links'. */
import type * as v from 'valibot';

/** What valibot keeps of a schema, as far as it is walked here. */
interface Part {
  readonly type: string;
  readonly pipe?: readonly Part[];
  readonly wrapped?: Part;
  readonly entries?: Readonly<Record<string, Part>>;
  readonly item?: Part;
  readonly value?: Part;
}

export interface Field {
  readonly path: string;
  /** valibot's name of the type that it holds: 'string', 'boolean', 'array', ... */
  readonly type: string;
}

export function schemaFields(schema: v.GenericSchema): Field[] {
  return walk(schema as unknown as Part, '');
}

function walk(part: Part, path: string): Field[] {
  const object = part.pipe?.find(({ type }) => type === 'object');
  if (object && object !== part) return walk(object, path);
  if (part.wrapped) return walk(part.wrapped, path);
  if (part.entries) {
    return Object.entries(part.entries).flatMap(([name, entry]) => walk(entry, path === '' ? name : `${path}.${name}`));
  }
  if (part.type === 'array' && part.item && holdsFields(part.item)) return walk(part.item, `${path}[]`);
  if (part.type === 'record' && part.value && holdsFields(part.value)) return walk(part.value, `${path}.*`);
  const inner = part.pipe?.[0];
  return [{ path, type: inner && inner !== part && inner.type !== part.type ? leafType(inner) : leafType(part) }];
}

function leafType(part: Part): string {
  return part.wrapped ? leafType(part.wrapped) : part.type;
}

function holdsFields(part: Part): boolean {
  if (part.entries || part.pipe?.some(({ type }) => type === 'object')) return true;
  const inner = part.wrapped ?? (part.type === 'array' ? part.item : part.type === 'record' ? part.value : undefined);
  return inner !== undefined && holdsFields(inner);
}

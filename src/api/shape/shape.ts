/** Answers and requests in the shape that their API version has, by the tables of this folder. */
import { invalid, notFound } from '../../base/errors.ts';
import { olderThan } from '../versions.ts';
import { ANSWER_FIELDS, type AnswerField } from './answer-fields.ts';
import { fieldPath, isEmpty, withoutField, type FieldPath } from './field-path.ts';
import { BODY_FIELDS, QUERY_VERSIONS, ROUTES_SINCE, type BodyField } from './request-fields.ts';

export interface Shape {
  /** 'GET /containers/:name/json' */
  readonly route: string;
  readonly version: number;
  /** Fields that old clients read stay in versions that do not have them. */
  readonly legacyFields: boolean;
}

interface Removal {
  readonly path: FieldPath;
  readonly onlyEmpty: boolean;
}

// By route, version and option: some hundred at most.
const removals = new Map<string, readonly Removal[]>();

/** The answer without what its version does not have. The value given stays as it is. */
export function shapeAnswer(value: unknown, shape: Shape): unknown {
  const fields = ANSWER_FIELDS[shape.route];
  if (!fields) return value;
  const key = `${shape.route} ${shape.version} ${shape.legacyFields}`;
  let list = removals.get(key);
  if (!list) removals.set(key, (list = fields.flatMap((field) => removalOf(field, shape))));
  let result = value;
  for (const { path, onlyEmpty } of list) result = withoutField(result, path, onlyEmpty ? isEmpty : undefined);
  return result;
}

function removalOf(row: AnswerField, { version, legacyFields }: Shape): Removal[] {
  const path = fieldPath(row.field);
  if (row.emptyUntil !== undefined) return olderThan(version, row.emptyUntil) ? [] : [{ path, onlyEmpty: true }];
  if (isKnown(row, version) || (row.legacy && legacyFields)) return [];
  return [{ path, onlyEmpty: false }];
}

function isKnown({ since, until }: { readonly since?: string; readonly until?: string }, version: number): boolean {
  if (since !== undefined && olderThan(version, since)) return false;
  return until === undefined || olderThan(version, until);
}

/**
 * A parsed body without what its version does not know. Throws kind `invalid` for what would change its meaning if it
 * were ignored.
 */
export function shapeBody(body: unknown, { route, version }: Pick<Shape, 'route' | 'version'>): unknown {
  let result = body;
  for (const row of BODY_FIELDS[route] ?? []) {
    if (!isKnown(row, version))
      result = withoutField(result, fieldPath(row.field), (found) => drops(row, found), 'any case');
  }
  return result;
}

function drops(row: BodyField, found: unknown): boolean {
  if (row.value !== undefined && found !== row.value) return false;
  if (row.refuse !== undefined && !isEmpty(found)) throw invalid(row.refuse);
  return true;
}

/** Whether the version knows a query parameter of the route. */
export function knowsParameter(name: string, { route, version }: Pick<Shape, 'route' | 'version'>): boolean {
  const parameters = QUERY_VERSIONS[route];
  if (!parameters || !Object.hasOwn(parameters, name)) return true;
  const bound = parameters[name]!;
  return bound.startsWith('-') ? olderThan(version, bound.slice(1)) : !olderThan(version, bound);
}

/** A route that came later does not exist for older clients, as in the Docker that they were made for. */
export function checkRouteVersion({ route, version }: Pick<Shape, 'route' | 'version'>): void {
  const since = ROUTES_SINCE[route];
  if (since !== undefined && olderThan(version, since)) throw notFound('page not found');
}

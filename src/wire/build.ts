/** Builds as Docker's API spells them. */
import * as v from 'valibot';
import { fields, flag, integer, list, text, textMap } from './go-fields.ts';

export const ulimitsSchema = list(fields({ Name: text(), Soft: integer(), Hard: integer() }));
/** A value is null where only the name was given. */
export const buildArgsSchema = v.record(v.string(), v.nullable(v.string()));
export const labelsSchema = v.record(v.string(), v.string());
export const textsSchema = v.array(v.string());
/** Caches that a build may use: of BuildKit's kinds. */
export const cacheImportsSchema = list(fields({ Type: text(), Attrs: v.fallback(labelsSchema, {}) }));

/** What becomes of a build, as clients without buildx say it. */
export const buildOutputsSchema = list(fields({ Type: text(), Attrs: v.fallback(labelsSchema, {}) }));

/** In front of the context of POST /causeway/build; values of secrets are base64, those of contexts what BuildKit's clients say. */
export const buildExtrasSchema = fields({
  Secrets: textMap(),
  Dockerfile: text(),
  Contexts: textMap(),
  Session: text(),
  SessionContext: flag(),
  SessionFiles: flag(),
});

export interface BuildPrunedJson {
  CachesDeleted: readonly string[] | null;
  SpaceReclaimed: number;
}

export interface BuildCacheJson {
  ID: string;
  Parent?: string;
  Parents?: readonly string[];
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

/** A line of a build's output. */
export interface BuildLineJson {
  stream?: string;
  aux?: { readonly ID: string } | string;
  id?: string;
  errorDetail?: { readonly code?: number; readonly message: string };
  error?: string;
}

/** The `filters` parameter: {"status":{"running":true}} and, from old clients, {"status":["running"]}. */
import { parseJsonText } from '../base/json-text.ts';
import { invalid } from '../base/errors.ts';
import type { Filters } from '../model/filters.ts';

export function parseFilters(text: string): Filters {
  if (text === '') return {};
  let parsed: unknown;
  try {
    parsed = parseJsonText(text);
  } catch {
    throw invalid('invalid filter');
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw invalid('invalid filter');
  return Object.fromEntries(Object.entries(parsed).map(([name, values]) => [name, filterValues(values)]));
}

function filterValues(values: unknown): string[] {
  if (values === null) return [];
  if (Array.isArray(values)) {
    if (!values.every((value) => typeof value === 'string')) throw invalid('invalid filter');
    return [...new Set(values)];
  }
  if (typeof values !== 'object') throw invalid('invalid filter');
  if (!Object.values(values).every((value) => typeof value === 'boolean')) throw invalid('invalid filter');
  return Object.keys(values);
}

const ACCEPTED = {
  containers:
    'ancestor before exited expose health id is-task isolation label name network publish since status volume',
  images: 'before dangling label label! reference since until',
  networks: 'dangling driver id label name scope type',
  volumes: 'dangling driver label name',
  events: 'config container daemon event image label network node plugin scope secret service type volume',
  containersPrune: 'label label! until',
  buildPrune: 'until unused-for id parent type description inuse shared private',
  imagesPrune: 'dangling label label! until',
  networksPrune: 'label label! until',
  volumesPrune: 'all label label!',
} as const;

const accepted = Object.fromEntries(
  Object.entries(ACCEPTED).map(([route, names]) => [route, new Set(names.split(' '))]),
) as Record<keyof typeof ACCEPTED, Set<string>>;

/** Parses and refuses names that Docker does not know for this route. */
export function readFilters(route: keyof typeof ACCEPTED, text: string): Filters {
  const filters = parseFilters(text);
  for (const name of Object.keys(filters)) {
    if (!accepted[route].has(name)) throw invalid(`invalid filter '${name}'`);
  }
  return filters;
}

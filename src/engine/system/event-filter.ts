/** Docker's filters for events. */
import { invalid } from '../../base/errors.ts';
import type { EngineEvent } from '../../model/event.ts';
import type { Filters } from '../../model/filters.ts';
import { familiarName, parseReference } from '../../model/image-reference.ts';
import type { EventPredicate } from './event-bus.ts';
import { matchesLabels } from './label-filter.ts';

/** Filters that name an object of a type. Docker compares them with the actor of every event, whatever its type. */
const OBJECTS = ['config', 'container', 'daemon', 'network', 'node', 'plugin', 'secret', 'service', 'volume'];
const KNOWN = new Set([...OBJECTS, 'event', 'image', 'label', 'scope', 'type']);

/** Actions that carry what was run, or how it is, after a colon: asking for one makes all of `event` prefixes. */
const WITH_DETAILS = ['health_status', 'exec_create', 'exec_start'];

export function eventPredicate(filters: Filters): EventPredicate {
  for (const name of Object.keys(filters)) {
    if (!KNOWN.has(name)) throw invalid(`invalid filter '${name}'`);
  }
  const oneOf = (name: string, test: (wanted: string) => boolean): boolean =>
    !filters[name]?.length || filters[name].some(test);
  const prefixes = filters['event']?.some((wanted) => WITH_DETAILS.includes(wanted)) === true;
  const isActor =
    ({ actorId, attributes }: EngineEvent) =>
    (wanted: string): boolean =>
      actorId.startsWith(wanted) || attributes['name']?.startsWith(wanted) === true;
  return (event) =>
    oneOf('type', (wanted) => event.type === wanted) &&
    oneOf('event', (wanted) => (prefixes ? event.action.startsWith(wanted) : event.action === wanted)) &&
    oneOf('scope', (wanted) => wanted === 'local') &&
    OBJECTS.every((type) => oneOf(type, isActor(event))) &&
    oneOf('image', (wanted) => imageNames(event).includes(wanted)) &&
    matchesLabels(event.attributes, filters['label'] ?? []);
}

/** What an image filter may say to find the event: the actor, and the image's name, each also without its tag. */
function imageNames(event: EngineEvent): string[] {
  const name = event.attributes[event.type === 'image' ? 'name' : 'image'];
  return [event.actorId, ...(name === undefined ? [] : [name])].flatMap((text) => [text, withoutTag(text)]);
}

function withoutTag(text: string): string {
  try {
    return familiarName(parseReference(text));
  } catch {
    return text;
  }
}

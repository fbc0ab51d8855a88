/** Docker's filters for events. */
import { invalid } from '../../base/errors.ts';
import type { EngineEvent } from '../../model/event.ts';
import type { Filters } from '../../model/filters.ts';
import type { EventPredicate } from './event-bus.ts';
import { matchesLabels } from './label-filter.ts';

const KNOWN = new Set([
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
]);

export function eventPredicate(filters: Filters): EventPredicate {
  for (const name of Object.keys(filters)) {
    if (!KNOWN.has(name)) throw invalid(`invalid filter '${name}'`);
  }
  const oneOf = (name: string, test: (wanted: string) => boolean): boolean =>
    !filters[name]?.length || filters[name].some(test);
  const isActor = (event: EngineEvent, type: EngineEvent['type']) => (wanted: string) =>
    (event.type === type &&
      (event.actorId === wanted || event.actorId.startsWith(wanted) || event.attributes['name'] === wanted)) ||
    // A network event also belongs to its container.
    (type === 'container' && event.attributes['container']?.startsWith(wanted) === true);
  return (event) =>
    oneOf('type', (wanted) => event.type === wanted) &&
    // 'exec_start: sh' is found by 'exec_start' too.
    oneOf('event', (wanted) => event.action === wanted || event.action.startsWith(`${wanted}:`)) &&
    oneOf('scope', (wanted) => wanted === 'local') &&
    oneOf('container', isActor(event, 'container')) &&
    oneOf('network', isActor(event, 'network')) &&
    oneOf('volume', isActor(event, 'volume')) &&
    oneOf('daemon', isActor(event, 'daemon')) &&
    oneOf('image', (wanted) => matchesImage(event, wanted)) &&
    matchesLabels(event.attributes, filters['label'] ?? []);
}

function matchesImage(event: EngineEvent, wanted: string): boolean {
  const reference = event.type === 'image' ? (event.attributes['name'] ?? event.actorId) : event.attributes['image'];
  if (reference === undefined) return false;
  return reference === wanted || event.actorId === wanted || reference.replace(/:[^:/]+$/, '') === wanted;
}

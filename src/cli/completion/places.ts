/** What the arguments of commands are, by the words of their usage lines. */
import type { ObjectKind, Value } from './flag-values.ts';

const KINDS: readonly (readonly [RegExp, readonly ObjectKind[]])[] = [
  [/^NAME\|ID/, ['container', 'image', 'network', 'volume']],
  [/^CONTAINER/, ['container']],
  [/^(SOURCE_IMAGE|TARGET_IMAGE|IMAGE|REPOSITORY|NAME)\b/, ['image']],
  [/^NETWORK/, ['network']],
  [/^VOLUME/, ['volume']],
];

/** Commands to which containers in that state are something. */
const STATES: Readonly<Record<string, NonNullable<Value['state']>>> = {
  attach: 'running',
  exec: 'running',
  kill: 'running',
  pause: 'running',
  start: 'stopped',
  stop: 'running',
  top: 'running',
  unpause: 'paused',
};

/** Names that are not there yet. */
const NEW = new Set(['network create', 'volume create']);

/**
 * What comes next behind `args`. `subject`: the command's words, ['container', 'start']. Undefined: nothing that
 * anybody could know.
 */
export function placeOf(subject: readonly string[], use: string, args: readonly string[]): Value | undefined {
  if (NEW.has(subject.join(' '))) return undefined;
  const name = subject.at(-1)!;
  if (name === 'cp') return { objects: ['container'], suffix: ':', open: true, files: 'any' };
  const places = use
    .split('\n')[0]!
    .replaceAll(/ ?\| ?/g, '|')
    .split(' ')
    .slice(1)
    .filter((place) => place !== '[OPTIONS]');
  const place = (places[args.length] ?? lastRepeated(places))?.replaceAll(/[[\]]/g, '');
  if (place === undefined) return undefined;
  // `bash|zsh|fish`: the words themselves.
  if (/^[a-z]+(\|[a-z]+)+$/.test(place)) return { words: place.split('|') };
  if (/^(PATH|file)\b/.test(place)) return { files: 'any' };
  if (/^(COMMAND|ARG)/.test(place)) return { files: 'any' };
  const objects = KINDS.find(([pattern]) => pattern.test(place))?.[1];
  if (!objects) return undefined;
  const state = objects.includes('container') && objects.length === 1 ? STATES[name] : undefined;
  return { objects, ...(state && { state }) };
}

/** `CONTAINER [CONTAINER...]`: as many as one likes. */
function lastRepeated(places: readonly string[]): string | undefined {
  const last = places.at(-1);
  return last?.includes('...') ? last : undefined;
}

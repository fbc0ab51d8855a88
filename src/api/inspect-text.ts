/**
 * What inspect shows of a container, as JSON text. Monitors inspect every container every few seconds, and hardly
 * anything differs from one time to the next: the text of those inspected last is kept, and made anew when anything
 * that it is made of has changed.
 */
import { hostname } from 'node:os';
import type { ContainerRecord } from '../model/container.ts';
import type { ContainerView } from '../model/views.ts';
import type { Call } from './call.ts';
import { toContainerJson, type ShowOptions } from './map/container-json.ts';

interface Kept {
  readonly record: ContainerRecord;
  readonly endpoints: ContainerView['endpoints'];
  /** All that is neither in the record nor in the endpoints. */
  readonly rest: string;
  readonly text: string;
}

// Records and lists of endpoints are replaced whole: their identity says whether they have changed.
const kept = new Map<string, Kept>();
let keptLength = 0;

/** Of all kept texts together, in characters; one that is a large part of that is not kept. */
const MAX_KEPT = 4 * 1024 * 1024;
const MAX_TEXT = 64 * 1024;

export function inspectText(call: Pick<Call, 'text' | 'shapeKey'>, view: ContainerView, options: ShowOptions): string {
  const { record, endpoints, ...others } = view;
  const rest = JSON.stringify([others, options, call.shapeKey, hostname()]);
  const known = kept.get(record.id);
  if (known && known.record === record && known.endpoints === endpoints && known.rest === rest) return known.text;
  const text = call.text(toContainerJson(view, options));
  keep({ record, endpoints, rest, text });
  return text;
}

function keep(entry: Kept): void {
  drop(entry.record.id);
  if (entry.text.length > MAX_TEXT) return;
  kept.set(entry.record.id, entry);
  keptLength += lengthOf(entry);
  for (const oldest of kept.keys()) {
    if (keptLength <= MAX_KEPT) return;
    drop(oldest);
  }
}

function drop(id: string): void {
  const entry = kept.get(id);
  if (!entry) return;
  keptLength -= lengthOf(entry);
  kept.delete(id);
}

const lengthOf = ({ text, rest }: Kept): number => text.length + rest.length;

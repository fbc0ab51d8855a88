/**
 * An entry of the container list as JSON text. Clients ask for the list every few seconds, and hardly anything in it
 * differs from one time to the next: the text is kept with the record, and made anew when anything in it has changed.
 * Only the status, which says how long ago something was, is made each time.
 */
import { randomUUID } from 'node:crypto';
import type { ContainerRecord } from '../model/container.ts';
import type { ListedContainer } from '../model/views.ts';
import type { Call } from './call.ts';
import { toContainerSummary } from './map/container-json.ts';
import { statusText } from './map/status-text.ts';

/** Everything that an entry is made of, besides the record. */
interface Ingredients {
  readonly shapeKey: string;
  readonly names: string;
  readonly imageRef: string;
  readonly endpoints: ListedContainer['endpoints'];
  readonly networkLost: string | undefined;
}

interface Kept extends Ingredients {
  /** The text on both sides of the status. */
  readonly before: string;
  readonly after: string;
}

// Records are replaced whole: an entry is kept as long as its record is the current one.
const kept = new WeakMap<ContainerRecord, Kept>();

// No text of a user's can be taken for it.
const STATUS = `status ${randomUUID()}`;

export function summaryText(call: Pick<Call, 'entryText' | 'shapeKey'>, view: ListedContainer, nowMs: number): string {
  const { record, networkLost } = view;
  // Sizes change with every file that the container writes.
  if (view.sizeRwBytes !== undefined || view.sizeRootFsBytes !== undefined)
    return call.entryText(toContainerSummary(view, nowMs));
  const ingredients: Ingredients = {
    shapeKey: call.shapeKey,
    names: view.names.join('\n'),
    imageRef: view.imageRef,
    endpoints: view.endpoints,
    networkLost,
  };
  let text = kept.get(record);
  if (text === undefined || !isSame(text, ingredients)) {
    const summary = { ...toContainerSummary(view, nowMs), Status: STATUS };
    const [before = '', after = ''] = call.entryText(summary).split(`"${STATUS}"`);
    kept.set(record, (text = { ...ingredients, before, after }));
  }
  return text.before + JSON.stringify(statusText(record.state, nowMs, networkLost)) + text.after;
}

const isSame = (a: Ingredients, b: Ingredients): boolean =>
  a.shapeKey === b.shapeKey &&
  a.names === b.names &&
  a.imageRef === b.imageRef &&
  a.endpoints === b.endpoints &&
  a.networkLost === b.networkLost;

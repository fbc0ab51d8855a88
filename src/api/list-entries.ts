import { errorMessage } from '../base/errors.ts';
import type { Call } from './call.ts';
import type { ListedContainer } from '../model/views.ts';

/**
 * A list's entries as JSON. One that cannot be shown completely is shown as `bare` has it, or left out, and the log
 * says why: it must not make the whole list fail.
 */
export function listEntries<V, J>(
  call: Pick<Call, 'log'>,
  views: readonly V[],
  toJson: (view: V) => J,
  bare?: (view: V) => V,
): J[] {
  return views.flatMap((view) => {
    for (const shown of bare ? [() => toJson(view), () => toJson(bare(view))] : [() => toJson(view)]) {
      try {
        return [shown()];
      } catch (error) {
        call.log.error({ error: errorMessage(error) }, 'an entry of a list cannot be shown whole');
      }
    }
    return [];
  });
}

/** Without what is looked up for it and what it is connected to. */
export function bareContainer(view: ListedContainer): ListedContainer {
  return { ...view, endpoints: [], record: { ...view.record, connections: [], mounts: [] } };
}

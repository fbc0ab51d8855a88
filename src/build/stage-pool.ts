/** Stages side by side, a few at a time, each when those that it needs have been built. */
import type { PlannedStage } from './stage-graph.ts';

const AT_ONCE = 2;

/** Resolves to what each came to, by its number. The first failure ends it when what runs has ended. */
export async function buildStages<T>(
  planned: readonly PlannedStage[],
  build: (stage: PlannedStage) => Promise<T>,
): Promise<ReadonlyMap<number, T>> {
  const done = new Map<number, T>();
  const todo = [...planned];
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  for (;;) {
    while (!failure && running.size < AT_ONCE) {
      const at = todo.findIndex(({ needs }) => [...needs].every((index) => done.has(index)));
      if (at < 0) break;
      const [next] = todo.splice(at, 1);
      const work: Promise<void> = build(next!)
        .then((result) => void done.set(next!.stage.index, result))
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => running.delete(work));
      running.add(work);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (failure) throw failure.error;
  return done;
}

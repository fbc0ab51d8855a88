/** What images weigh that is on the disk once for several of them. */

interface Layered {
  readonly id: string;
  readonly diffIds: readonly string[];
}

/**
 * By image: the bytes of those of its layers that are named more than once, by other images or twice by itself. What is
 * left of its size goes away with it.
 */
export function sharedSizes(
  images: readonly Layered[],
  sizeBytesOf: (diffId: string) => number,
): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const { diffIds } of images) for (const diffId of diffIds) uses.set(diffId, (uses.get(diffId) ?? 0) + 1);
  return new Map(
    images.map(({ id, diffIds }) => [
      id,
      diffIds.reduce((sum, diffId) => ((uses.get(diffId) ?? 0) > 1 ? sum + sizeBytesOf(diffId) : sum), 0),
    ]),
  );
}

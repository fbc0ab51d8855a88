/**
 * Waits until all have ended. The first that fails stops the others, which then only report that they were stopped: its
 * error is thrown.
 */
export async function allOrFirstFailure(work: readonly Promise<unknown>[], stop: AbortController): Promise<void> {
  let first: { readonly error: unknown } | undefined;
  await Promise.all(
    work.map((one) =>
      one.catch((error: unknown) => {
        first ??= { error };
        stop.abort();
      }),
    ),
  );
  if (first) throw first.error;
}

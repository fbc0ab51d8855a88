/** What a client's Accept header asks for. */

/**
 * The offer that the header names with the highest weight, the earlier of equal ones; undefined where it names none.
 * Wildcards are not considered: they ask for nothing in particular.
 */
export function namedMediaType<T extends string>(accept: string | undefined, offers: readonly T[]): T | undefined {
  let best: T | undefined;
  let bestWeight = 0;
  const asked = (accept ?? '').split(',').map(readRange);
  for (const offer of offers) {
    for (const { type, weight } of asked) {
      if (type !== offer || weight <= bestWeight) continue;
      best = offer;
      bestWeight = weight;
    }
  }
  return best;
}

function readRange(text: string): { type: string; weight: number } {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const given = parameters.find((one) => one.startsWith('q='))?.slice(2);
  const weight = given === undefined ? 1 : Number(given);
  return { type, weight: Number.isFinite(weight) ? weight : 0 };
}

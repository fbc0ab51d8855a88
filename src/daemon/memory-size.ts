/** Sizes as dockerd reads them: '64m', '1.5GiB', '20GB', '67108864', all of them powers of 1024. */
const SCALES: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** In bytes; undefined where it is none. */
export function readMemorySize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (!match) return undefined;
  const bytes = Math.floor(Number(match[1]) * 1024 ** SCALES[match[2]!.toLowerCase()]!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

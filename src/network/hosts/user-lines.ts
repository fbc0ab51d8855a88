/** The user's lines in a container's /etc/hosts, carried over from one rendering by the engine into the next. */

/**
 * Carries the user's edits from the file as it is now into a new rendering. `lastRendered` is what `renderHosts` gave
 * the last time: not the merged file, or the user's lines would be taken for the engine's. Lines that the user added
 * stay where they were relative to the engine's lines around them; engine lines that the user removed or changed do not
 * come back while they would be the same.
 */
export function mergeUserLines(lastRendered: string, current: string, next: string): string {
  if (current === lastRendered) return next;
  const base = splitLines(lastRendered);
  const edited = splitBetween(current, new Set(base));
  const rendered = splitLines(next);
  const kept = commonLines(base, edited); // pairs [index in base, index in edited]

  const keptBase = new Set(kept.map(([at]) => at));
  const removed = countLines(base.filter((_, index) => !keptBase.has(index)));
  const survivors: string[] = [];
  for (const line of rendered) {
    const count = removed.get(line) ?? 0;
    if (count > 0) removed.set(line, count - 1);
    else survivors.push(line);
  }

  // The engine's earlier lines that are still there, by their position in the new file.
  const place = new Map<number, number>(commonLines(base, survivors)); // index in base -> index in survivors

  // Each run of the user's lines goes before the next of the engine's lines that is still there, or behind the one
  // before it.
  const before = new Map<number, string[]>(); // index in survivors -> the user's lines in front of it
  const keptEdited = new Map(kept.map(([inBase, inEdited]) => [inEdited, inBase]));
  let previous = -1; // in base
  let run: string[] = [];
  const flush = (following: number) => {
    if (run.length === 0) return;
    const target = runPlace(place, previous, following, base.length, survivors.length);
    const there = before.get(target);
    if (there === undefined) before.set(target, run);
    else for (const line of run) there.push(line);
    run = [];
  };
  for (const [index, line] of edited.entries()) {
    const inBase = keptEdited.get(index);
    if (inBase === undefined) {
      run.push(line);
      continue;
    }
    flush(inBase);
    previous = inBase;
  }
  flush(base.length);

  const result: string[] = [];
  for (let index = 0; index <= survivors.length; index++) {
    for (const line of before.get(index) ?? []) result.push(line);
    if (index < survivors.length) result.push(survivors[index]!);
  }
  return result.length === 0 ? '' : `${result.join('\n')}\n`;
}

/**
 * Where a run between two of the engine's lines (by index in base; -1 and `baseLength` are the ends) goes in the new
 * file.
 */
function runPlace(
  place: ReadonlyMap<number, number>,
  previous: number,
  following: number,
  baseLength: number,
  nextLength: number,
): number {
  if (previous === -1) return 0;
  if (following === baseLength) return nextLength;
  const behind = place.get(previous);
  if (behind !== undefined) return behind + 1;
  for (let index = following; index < baseLength; index++) {
    const ahead = place.get(index);
    if (ahead !== undefined) return ahead;
  }
  return nextLength;
}

function splitLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * The lines of a text that are among `known`, in order, and as one piece what lies between two of them, however many
 * lines it has: an untrusted text may have a hundred thousand of them, and is treated alike whatever it contains.
 */
function splitBetween(text: string, known: ReadonlySet<string>): string[] {
  const parts: string[] = [];
  let from = 0; // where the piece begins that has not been taken
  eachLineAmong(text, known, (line, start) => {
    if (from < start) parts.push(text.slice(from, start - 1));
    parts.push(line);
    from = start + line.length + 1;
  });
  if (from < text.length) parts.push(text.slice(from, text.endsWith('\n') ? -1 : undefined));
  return parts;
}

/** Which of the lines `known` a text has. */
export function linesAmong(text: string, known: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  eachLineAmong(text, known, (line) => found.add(line));
  return found;
}

function eachLineAmong(text: string, known: ReadonlySet<string>, visit: (line: string, start: number) => void): void {
  const lengths = new Set([...known].map((line) => line.length));
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (lengths.has(end - start)) {
      const line = text.slice(start, end);
      if (known.has(line)) visit(line, start);
    }
    start = end + 1;
  }
}

function countLines(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

/** So many places of one line in an untrusted text are looked at: the engine's lines come once or twice. */
const MAX_PLACES = 32;

/**
 * Lines that both have, in the same order in both, as index pairs: the longest common subsequence. One of the two is
 * untrusted, and of any length: with the bound on places it takes n log n steps, where comparing each line with each
 * would take n times m. (A line that comes more often is found less well, and is hardly ever the engine's.)
 */
function commonLines(a: readonly string[], b: readonly string[]): [number, number][] {
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;

  const places = new Map<string, number[]>(); // of the lines of `a` in `b`
  for (let i = head; i < a.length - tail; i++) places.set(a[i]!, []);
  for (let j = head; j < b.length - tail; j++) {
    const found = places.get(b[j]!);
    if (found !== undefined && found.length < MAX_PLACES) found.push(j);
  }
  const equal: [number, number][] = [];
  for (let i = head; i < a.length - tail; i++) {
    // The last place first: of one line's places a row that rises can have one only.
    for (const j of places.get(a[i]!)!.toReversed()) equal.push([i, j]);
  }

  const pairs: [number, number][] = [];
  for (let i = 0; i < head; i++) pairs.push([i, i]);
  for (const pair of longestRising(equal)) pairs.push(pair);
  for (let left = tail; left > 0; left--) pairs.push([a.length - left, b.length - left]);
  return pairs;
}

/** Of pairs in the order of the first, the longest row that rises in the second too. */
function longestRising(pairs: readonly [number, number][]): [number, number][] {
  const ends: number[] = []; // by length of a row, less one: the pair with the lowest end
  const before = new Int32Array(pairs.length);
  for (const [index, [, value]] of pairs.entries()) {
    let low = 0;
    for (let high = ends.length; low < high;) {
      const middle = (low + high) >> 1;
      if (pairs[ends[middle]!]![1] < value) low = middle + 1;
      else high = middle;
    }
    before[index] = low === 0 ? -1 : ends[low - 1]!;
    ends[low] = index;
  }
  const row: [number, number][] = [];
  for (let index = ends.at(-1) ?? -1; index >= 0; index = before[index]!) row.push(pairs[index]!);
  return row.toReversed();
}

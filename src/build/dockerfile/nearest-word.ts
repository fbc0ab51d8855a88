/** "did you mean": the word that is meant where there is one that is nearly it, as BuildKit chooses it. */

/** Fewer letters than that have to be changed. */
const TOO_FAR = 3;
/** Nothing that is longer is compared: words of Dockerfiles are untrusted. */
const MAX_CHARS = 200;

/** ' (did you mean FROM?)', or ''. Without `exactCase` the answer is in the case of what was written. */
export function didYouMean(word: string, known: readonly string[], options: { exactCase: boolean }): string {
  if (word.length > MAX_CHARS) return '';
  const plain = (text: string): string => (options.exactCase ? text : text.toLowerCase());
  let nearest = '';
  let least = TOO_FAR;
  for (const one of known) {
    if (plain(one) === plain(word)) return ''; // it is something else that is wrong
    const distance = Math.abs(one.length - word.length) < least ? editDistance(plain(word), plain(one)) : least;
    if (distance >= least) continue;
    nearest = one;
    least = distance;
  }
  if (nearest === '') return '';
  return ` (did you mean ${options.exactCase ? nearest : inCaseOf(word, nearest)}?)`;
}

function inCaseOf(word: string, text: string): string {
  if (word === word.toLowerCase()) return text.toLowerCase();
  return word === word.toUpperCase() ? text.toUpperCase() : text.toLowerCase();
}

/** Levenshtein's: letters that are put in, left out or replaced. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

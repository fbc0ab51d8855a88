/** How much of a text fits into so many columns of a terminal: what is drawn again in place must never wrap. */

/** Of East Asian scripts and signs, and pictures: two columns each. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;
/** They are written over the letter before. */
const COMBINING = /^(?:\p{M}|\p{Cf})$/u;

/** Cut where it is too long, with blanks where it is short and `isPadded`. */
export function fit(text: string, columns: number, isPadded = false): string {
  let taken = '';
  let used = 0;
  for (const char of text) {
    const width = COMBINING.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
    if (used + width > columns) break;
    taken += char;
    used += width;
  }
  return isPadded ? taken + ' '.repeat(Math.max(0, columns - used)) : taken;
}

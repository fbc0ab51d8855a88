/**
 * The words of a command line that is being typed, as a shell would take them: quotes and backslashes gone, also where
 * they are not closed yet. Variables and substitutions stay as they are. The last word is the one under the cursor, ''
 * behind a space.
 */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (quote === "'" || (quote === '"' && char !== '\\')) {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '\\') {
      const next = line.charAt(++at);
      word = (word ?? '') + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next);
    } else if (quote === '' && (char === "'" || char === '"')) {
      quote = char;
      word ??= '';
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  words.push(word ?? '');
  return words;
}

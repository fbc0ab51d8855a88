/** Go's %q of texts, as Docker's builder writes commands into the history. */
function goQuoted(text: string): string {
  return `"${text.replace(/["\\]|[^\x20-\x7e\u00a1-\u{10ffff}]/gu, escaped)}"`;
}

const NAMED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
};

function escaped(char: string): string {
  const code = char.codePointAt(0)!;
  return (
    NAMED[char] ??
    (code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`)
  );
}

/** Of a list: ["a" "b"]. */
export const goQuotedList = (items: readonly string[]): string => `[${items.map(goQuoted).join(' ')}]`;

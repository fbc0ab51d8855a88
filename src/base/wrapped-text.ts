/** Long text in the right column of a table of options. */

/** Words that run over a line's end by no more than this stay on it, if they are the last. */
const SLOP = 5;
const NARROWEST = 24;
const NARROW_INDENT = 16;

/** The text that begins in column `indent` and goes on there in the lines below; as Docker's command line wraps it. */
export function wrapText(text: string, indent: number, width: number): string {
  let column = indent;
  let prefix = '';
  if (width - column < NARROWEST) {
    column = NARROW_INDENT;
    prefix = `\n${' '.repeat(column)}`;
    if (width - column < NARROWEST) return text.replaceAll('\n', prefix);
  }
  const limit = width - column - SLOP;
  const lines: string[] = [];
  for (let rest = text; rest !== '';) {
    const line = takeLine(rest, limit);
    lines.push(line);
    rest = rest.slice(line.length + 1);
  }
  return prefix + lines.join('\n').replaceAll('\n', `\n${' '.repeat(column)}`);
}

function takeLine(text: string, limit: number): string {
  if (limit + SLOP > text.length) return text;
  const head = text.slice(0, limit);
  const space = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\t'), head.lastIndexOf('\n'));
  if (space <= 0) return text;
  const newline = head.lastIndexOf('\n');
  return text.slice(0, newline > 0 ? newline : space);
}

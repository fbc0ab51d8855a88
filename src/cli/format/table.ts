/**
 * Columns as Docker's tab writer lays them out: cells end at a tab, a column is as wide as its widest cell in a run of
 * neighbouring lines that have it, at least 10, with 3 spaces between. The text after the last tab belongs to no
 * column.
 */
const MIN_WIDTH = 10;
const PADDING = 3;

export function layoutColumns(text: string, options: { minWidth?: number; padding?: number } = {}): string {
  const minWidth = options.minWidth ?? MIN_WIDTH;
  const padding = options.padding ?? PADDING;
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths: number[][] = lines.map(() => []);

  // A column of a block: the lines in a row that all have a cell there. Inner columns are laid out within the block.
  const layBlock = (first: number, last: number, column: number): void => {
    for (let start = first; start < last; start++) {
      if (column >= (lines[start]?.length ?? 0) - 1) continue;
      let end = start;
      let width = 0;
      while (end < last && column < (lines[end]?.length ?? 0) - 1) {
        width = Math.max(width, displayLength(lines[end]?.[column] ?? '') + padding);
        end++;
      }
      for (let line = start; line < end; line++) (widths[line] ??= [])[column] = Math.max(width, minWidth);
      layBlock(start, end, column + 1);
      start = end - 1;
    }
  };
  layBlock(0, lines.length, 0);

  return lines
    .map((cells, line) =>
      cells
        .map((cell, column) =>
          column === cells.length - 1
            ? cell
            : cell + ' '.repeat(Math.max(0, (widths[line]?.[column] ?? 0) - displayLength(cell))),
        )
        .join(''),
    )
    .join('\n');
}

/** Characters, not bytes or UTF-16 halves. */
function displayLength(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** One line of comma-separated values, quoted as spreadsheets do: a,"b,c","say ""hi""". */
export function splitCsv(line: string): string[] {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    if (rest.startsWith('"')) {
      const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(rest);
      if (!quoted)
        throw new Error(
          `parse error on line 1, column ${line.length - rest.length + 2}: extraneous or missing " in quoted-field`,
        );
      fields.push((quoted[1] ?? '').replaceAll('""', '"'));
      rest = rest.slice(quoted[0].length);
    } else {
      const field = /^[^,]*/.exec(rest)?.[0] ?? '';
      const quote = field.indexOf('"');
      if (quote >= 0)
        throw new Error(
          `parse error on line 1, column ${line.length - rest.length + quote + 1}: bare " in non-quoted-field`,
        );
      fields.push(field);
      rest = rest.slice(field.length);
    }
    if (rest === '') return fields;
    rest = rest.slice(1);
  }
}

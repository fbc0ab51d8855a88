/** One line of comma-separated values, as the options of `--mount` are: a field may be put into double quotes. */
import { wrong } from './source-error.ts';

export function csvFields(line: string): string[] {
  const fields: string[] = [];
  for (let at = 0; ;) {
    if (line[at] === '"') {
      const match = /"((?:[^"]|"")*)"(,|$)/y;
      match.lastIndex = at;
      const found = match.exec(line);
      if (!found)
        throw wrong(`failed to parse csv mounts: ${JSON.stringify(line)}: extraneous or missing " in quoted-field`);
      fields.push(found[1]!.replaceAll('""', '"'));
      at = match.lastIndex;
      if (found[2] === '') return fields;
    } else {
      const comma = line.indexOf(',', at);
      const field = line.slice(at, comma < 0 ? undefined : comma);
      if (field.includes('"'))
        throw wrong(`failed to parse csv mounts: ${JSON.stringify(line)}: bare " in non-quoted field`);
      fields.push(field);
      if (comma < 0) return fields;
      at = comma + 1;
    }
  }
}

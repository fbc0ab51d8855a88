/**
 * docs/compatibility/*.json: what of Docker's API, command line and daemon options is done, accepted without effect, or
 * refused. Each file is sections of rows; a row's name is what a user writes, and a row that is not `done` says why.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type State = 'done' | 'no effect' | 'refused';

export interface Row {
  readonly state: State;
  /** The reason of what is not done; a remark on what is. */
  readonly why?: string;
}

export type Section = Readonly<Record<string, Row>>;

const FOLDER = new URL('../../docs/compatibility/', import.meta.url);

/** By file ('api') and section ('routes'). */
export function readCompatibility(): Readonly<Record<string, Readonly<Record<string, Section>>>> {
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort();
  return Object.fromEntries(
    files.map((name) => [
      name.replace('.json', ''),
      JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Readonly<Record<string, Section>>,
    ]),
  );
}

/** One section of one file. */
export function compatibilitySection(file: string, name: string): Section {
  const section = readCompatibility()[file]?.[name];
  if (!section) throw new Error(`docs/compatibility/${file}.json has no section "${name}"`);
  return section;
}

/** Rows that the file may not have: another state, a reason that is missing, a name twice. */
export function rowFaults(file: string, text: string): string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  let section = '';
  for (const line of text.split('\n')) {
    const [, indent = '', name = ''] = /^( +)"([^"]+)": /.exec(line) ?? [];
    if (indent.length === 2) section = name;
    if (indent.length !== 4) continue;
    if (seen.has(`${section} ${name}`)) faults.push(`${file}: ${name} stands twice in "${section}"`);
    seen.add(`${section} ${name}`);
  }
  for (const [title, rows] of Object.entries(JSON.parse(text) as Record<string, Section>)) {
    for (const [name, row] of Object.entries(rows)) {
      if (!['done', 'no effect', 'refused'].includes(row.state))
        faults.push(`${file}: ${title}: ${name}: ${row.state}`);
      if (row.state !== 'done' && !row.why) faults.push(`${file}: ${title}: ${name}: no reason`);
    }
  }
  return faults;
}

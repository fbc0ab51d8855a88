/** The options of `npm run bench -- ...`. */
import { parseArgs } from 'node:util';
import { ENGINE_NAMES, USUAL_ENGINES, type EngineName } from './engines.ts';
import { ROWS } from './rows.ts';

export interface BenchOptions {
  readonly rows: ReadonlySet<string>;
  /** Whether the rows were chosen by name. */
  readonly named: boolean;
  readonly engines: readonly EngineName[];
  readonly quick: boolean;
  readonly profile: boolean;
  readonly jsonPath: string | undefined;
  readonly docPath: string | undefined;
  /** Results of earlier runs, for the rows that this one does not measure. */
  readonly withPaths: readonly string[];
}

const HELP = `
Usage:  npm run bench -- [OPTIONS]

Measures Causeway beside dockerd and podman, each in a sandbox of its own.

Options:
      --engines NAMES   Of ${ENGINE_NAMES.join(',')} (default all);
                        ratios need dockerd, "previous" is the checkout that CAUSEWAY_PREVIOUS names
      --rows NAMES      Of the rows below (default all)
      --quick           Fewer and shorter runs, without the longest rows: under four minutes with dockerd alone
      --profile         Also where the time of a run goes, when nothing falls short
      --json PATH       Write everything measured there
      --with PATHS      What --json wrote in earlier runs: their rows, where this run has none, join the table
      --doc PATH        Put the table into that page, docs/performance.md

Rows:
${ROWS.map((row) => `  ${row.name.padEnd(26)}${row.title}`).join('\n')}
`;

/** @throws Error with a sentence for the user */
export function readOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      engines: { type: 'string' },
      rows: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      json: { type: 'string' },
      doc: { type: 'string' },
      with: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 'help';
  }
  return {
    rows: new Set(
      choose(
        'row',
        values.rows,
        ROWS.map((row) => row.name),
      ),
    ),
    named: values.rows !== undefined,
    engines: values.engines === undefined ? USUAL_ENGINES : choose('engine', values.engines, ENGINE_NAMES),
    quick: values.quick,
    profile: values.profile,
    jsonPath: values.json,
    docPath: values.doc,
    withPaths: values.with?.split(',') ?? [],
  };
}

function choose<Name extends string>(what: string, asked: string | undefined, known: readonly Name[]): readonly Name[] {
  if (asked === undefined) return known;
  const names = asked.split(',').filter((name) => name !== '');
  const unknown = names.filter((name) => !known.includes(name as Name));
  if (unknown.length > 0) throw new Error(`no ${what} "${unknown.join('", "')}"; there are: ${known.join(', ')}`);
  return known.filter((name) => names.includes(name));
}

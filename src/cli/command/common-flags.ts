/** Flags that many commands have in the same words. */
import type { Flag } from './flag-set.ts';
import * as type from './flag-types.ts';

const FORMAT_HELP = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

export const INSPECT_FORMAT_HELP = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

export const listFormat: Flag = { name: 'format', type: type.string, usage: FORMAT_HELP };
export const inspectFormat: Flag = { name: 'format', short: 'f', type: type.string, usage: INSPECT_FORMAT_HELP };
export const filterFlag: Flag = {
  name: 'filter',
  short: 'f',
  type: type.filter,
  usage: 'Filter output based on conditions provided',
};
export const filterValues = (usage: string): Flag => ({ name: 'filter', type: type.filter, usage });

/** Filters as a query parameter; nothing if there are none. */
export function filtersQuery(filters: Record<string, Record<string, boolean>>): string | undefined {
  return Object.keys(filters).length === 0 ? undefined : JSON.stringify(filters);
}

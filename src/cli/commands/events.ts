/** `events` */
import type { EventJson } from '../../wire/system.ts';
import type { Call, Command } from '../command/command.ts';
import { filterFlag, filtersQuery, INSPECT_FORMAT_HELP } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { parseTimestamp, rfc3339 } from '../format/timestamp.ts';
import { asGoValue } from '../template/go-shapes.ts';
import { Template, TemplateError } from '../../base/template/template.ts';
import { jsonLines } from '../terminal/json-progress.ts';
import { printLine, printShown, shown } from '../terminal/output.ts';

export const eventsCommand: Command = {
  use: 'events [OPTIONS]',
  short: 'Get real time events from the server',
  aliases: ['system events', 'events'],
  args: [0, 0],
  flags: [
    filterFlag,
    { name: 'format', type: type.string, usage: INSPECT_FORMAT_HELP },
    { name: 'since', type: type.string, usage: 'Show all events created since timestamp' },
    { name: 'until', type: type.string, usage: 'Stream events until this timestamp' },
  ],
  run,
};

/** Nanoseconds since 1970 are more than a double can hold. */
type Event = Omit<EventJson, 'timeNano'> & { readonly timeNano: bigint };

async function run({ flags, client }: Call): Promise<void> {
  const template = eventTemplate(flags.string('format'));
  const query = {
    since: parseTimestamp(flags.string('since')) || undefined,
    until: parseTimestamp(flags.string('until')) || undefined,
    filters: filtersQuery(flags.filters('filter')),
  };
  const response = await client.send('GET', '/events', { query });
  for await (const line of jsonLines(response)) {
    const event = parseEvent(line);
    if (template) printShown(`${template.execute(asGoValue('events.Message', event), { show: shown })}\n`);
    else printLine(eventLine(event));
  }
}

function eventTemplate(format: string): Template | undefined {
  if (format === '') return undefined;
  try {
    const template = new Template(format === 'json' ? '{{json .}}' : format);
    // Tried on nothing first: a wrong field should not wait for the first event to be found out.
    template.execute(asGoValue('events.Message', {}));
    return template;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StatusError(`Error parsing format: ${errorText(error)}`, 64);
  }
}

/** Nanoseconds since 1970 do not fit a JavaScript number. */
function parseEvent(line: string): Event {
  return { ...(JSON.parse(line) as Event), timeNano: BigInt(/"timeNano":(\d+)/.exec(line)?.[1] ?? 0) };
}

function eventLine(event: Event): string {
  let when = '';
  if (event.timeNano !== 0n)
    when = `${rfc3339(Number(event.timeNano / 1_000_000_000n), event.timeNano % 1_000_000_000n)} `;
  else if (event.time) when = `${rfc3339(event.time, 0n)} `;
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  return `${when}${event.Type} ${event.Action} ${event.Actor.ID}${attributes.length > 0 ? ` (${attributes.join(', ')})` : ''}`;
}

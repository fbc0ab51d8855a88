/** `stats`: once, or redrawn twice a second from a stream for each container. */
import type { ContainerSummaryJson } from '../../wire/container-summary.ts';
import type { ApiClient } from '../api/client.ts';
import type { Call, Command } from '../command/command.ts';
import { listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { measure, statsRow, statsShape, type StatsEntry, type StatsSample } from '../container/statistics.ts';
import { formatList } from '../format/list-output.ts';
import { jsonValues } from '../terminal/json-progress.ts';
import { printShown } from '../terminal/output.ts';

export const statsCommand: Command = {
  use: 'stats [OPTIONS] [CONTAINER...]',
  short: 'Display a live stream of container(s) resource usage statistics',
  aliases: ['container stats', 'stats'],
  args: [0, Infinity],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Show all containers (default shows just running)' },
    listFormat,
    { name: 'no-stream', type: type.bool, usage: 'Disable streaming stats and only pull the first result' },
    { name: 'no-trunc', type: type.bool, usage: 'Do not truncate output' },
  ],
  run,
};

const COLUMNS =
  'table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}';
const REDRAW_MS = 500;

async function run({ flags, args, client }: Call): Promise<void> {
  const wanted = flags.string('format');
  const format = wanted === '' || wanted === 'table' ? COLUMNS : wanted;
  const truncate = !flags.bool('no-trunc');
  const show = (entries: readonly StatsEntry[]) =>
    formatList(
      statsShape,
      format,
      entries.map((entry) => statsRow(entry, truncate)),
    );
  const collection = new Collection(client, !flags.bool('no-stream'));
  if (args.length > 0) for (const name of args) collection.add(name);
  else await collection.addAll(flags.bool('all'));
  await collection.first();
  if (args.length > 0) collection.throwFailures();
  if (flags.bool('no-stream')) {
    if (collection.entries().length > 0) printShown(show(collection.entries()));
    return;
  }
  if (args.length === 0) void collection.followEvents(flags.bool('all'));
  for (;;) {
    if (collection.entries().length === 0 && args.length > 0) return printShown('\x1b[H\x1b[J');
    const text = show(collection.entries());
    printShown(
      `\x1b[H${text
        .split('\n')
        .map((line) => `${line}\x1b[K`)
        .join('\n')}\n\x1b[J`,
    );
    await new Promise((wake) => setTimeout(wake, REDRAW_MS));
    if (collection.over) return;
  }
}

/** The containers watched, with the last that is known of each. */
class Collection {
  readonly #client: ApiClient;
  readonly #stream: boolean;
  readonly #entries = new Map<string, { entry: StatsEntry; first: Promise<void>; failure?: unknown }>();
  over = false;

  constructor(client: ApiClient, stream: boolean) {
    this.#client = client;
    this.#stream = stream;
  }

  add(container: string): void {
    if (this.#entries.has(container)) return;
    let arrived!: () => void;
    const first = new Promise<void>((resolve) => (arrived = resolve));
    const item: { entry: StatsEntry; first: Promise<void>; failure?: unknown } = {
      entry: { container, name: '', id: '' },
      first,
    };
    this.#entries.set(container, item);
    void this.#follow(container, item, arrived)
      .catch((error: unknown) => (item.failure = error))
      .finally(arrived);
  }

  async #follow(container: string, item: { entry: StatsEntry }, arrived: () => void): Promise<void> {
    const query = this.#stream ? { stream: true } : { stream: false };
    const response = await this.#client.send('GET', `/containers/${encodeURIComponent(container)}/stats`, { query });
    for await (const sample of jsonValues<StatsSample>(response)) {
      item.entry = { container, ...measure(sample) };
      arrived();
      if (!this.#entries.has(container)) return;
    }
  }

  async addAll(all: boolean): Promise<void> {
    const containers = await this.#client.json<ContainerSummaryJson[]>('GET', '/containers/json', {
      query: { all: all || undefined },
    });
    for (const { Id } of containers) this.add(Id);
  }

  /** Containers that start appear, those that end go. */
  async followEvents(all: boolean): Promise<void> {
    const filters = JSON.stringify({ type: { container: true } });
    try {
      const response = await this.#client.send('GET', '/events', { query: { filters } });
      for await (const { Action, Actor } of jsonValues<{ Action: string; Actor: { ID: string } }>(response)) {
        if (Action === 'start' || (all && Action === 'create')) this.add(Actor.ID);
        if (Action === 'destroy' || (!all && Action === 'die')) this.#entries.delete(Actor.ID);
      }
    } catch {
      // the daemon went away
    }
    this.over = true;
  }

  async first(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((item) => item.first));
  }

  throwFailures(): void {
    const failures = [...this.#entries.values()].flatMap((item) =>
      item.failure === undefined ? [] : [errorText(item.failure)],
    );
    if (failures.length > 0) throw new StatusError(failures.join('\n'));
  }

  entries(): StatsEntry[] {
    return [...this.#entries.values()].map(({ entry }) => entry);
  }
}

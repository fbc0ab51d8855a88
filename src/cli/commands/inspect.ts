/** `inspect`, and the `inspect` of containers, images, networks and volumes. */
import { isNotFound, type ApiClient } from '../api/client.ts';
import { imagePath } from '../api/image-path.ts';
import { platformQuery } from '../api/platform.ts';
import type { Call, Command } from '../command/command.ts';
import { inspectFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { InspectOutput, TemplateFailure, type InspectedObject } from '../format/inspect-output.ts';
import { printShown } from '../terminal/output.ts';

type Kind = 'container' | 'image' | 'network' | 'volume';

/** `version`: the API version whose answer is shown, where it is not the usual one. */
const kinds: Readonly<Record<Kind, { path: (name: string) => string; type: string; version?: string }>> = {
  container: { path: (name) => `/containers/${encodeURIComponent(name)}/json`, type: 'container.InspectResponse' },
  image: { path: (name) => `${imagePath(name)}/json`, type: 'image.InspectResponse' },
  network: { path: (name) => `/networks/${encodeURIComponent(name)}`, type: 'network.Inspect', version: '1.52' }, // with Status
  volume: { path: (name) => `/volumes/${encodeURIComponent(name)}`, type: 'volume.Volume' },
};

type Query = Record<string, boolean | string | undefined>;

async function fetchObject(client: ApiClient, kind: Kind, name: string, query: Query): Promise<InspectedObject> {
  const { path, type: goType, version } = kinds[kind];
  return { raw: await client.text('GET', path(name), { query, ...(version && { version }) }), type: goType };
}

/** The first kind that knows the name. */
async function fetchAny(client: ApiClient, name: string, size: boolean): Promise<InspectedObject> {
  for (const kind of ['container', 'image', 'network', 'volume'] as const) {
    try {
      return await fetchObject(client, kind, name, kind === 'container' && size ? { size: true } : {});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  throw new StatusError(`Error: No such object: ${name}`);
}

async function inspectAll(
  names: readonly string[],
  format: string,
  fetch: (name: string) => Promise<InspectedObject>,
): Promise<void> {
  const output = new InspectOutput(format);
  const failures: string[] = [];
  for (const name of names) {
    try {
      output.add(await fetch(name));
    } catch (error) {
      failures.push(errorText(error));
      if (error instanceof TemplateFailure) break;
    }
  }
  printShown(output.text());
  if (failures.length > 0) throw new StatusError(failures.join('\n'), 1);
}

export const inspectCommand: Command = {
  use: 'inspect [OPTIONS] NAME|ID [NAME|ID...]',
  short: 'Return low-level information on Causeway objects',
  args: [1, Infinity],
  flags: [
    inspectFormat,
    { name: 'size', short: 's', type: type.bool, usage: 'Display total file sizes if the type is container' },
    { name: 'type', type: type.string, usage: 'Only inspect objects of the given type' },
  ],
  async run({ flags, args, client }: Call) {
    const kind = flags.string('type');
    if (flags.changed('type') && kind === '')
      throw new StatusError(
        'type is empty: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"',
      );
    if (kind !== '' && !(kind in kinds))
      throw new StatusError(
        `unknown type: ${JSON.stringify(kind)}: must be one of "container", "image", "network", "volume"`,
      );
    const size = flags.bool('size');
    await inspectAll(args, flags.string('format'), (name) =>
      kind === ''
        ? fetchAny(client, name, size)
        : fetchObject(client, kind as Kind, name, kind === 'container' && size ? { size: true } : {}),
    );
  },
};

export const containerInspectCommand: Command = {
  use: 'inspect [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Display detailed information on one or more containers',
  args: [1, Infinity],
  flags: [inspectFormat, { name: 'size', short: 's', type: type.bool, usage: 'Display total file sizes' }],
  run: ({ flags, args, client }) =>
    inspectAll(args, flags.string('format'), (name) =>
      fetchObject(client, 'container', name, { size: flags.bool('size') || undefined }),
    ),
};

export const imageInspectCommand: Command = {
  use: 'inspect [OPTIONS] IMAGE [IMAGE...]',
  short: 'Display detailed information on one or more images',
  args: [1, Infinity],
  flags: [
    inspectFormat,
    {
      name: 'platform',
      type: type.string,
      usage:
        "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    },
  ],
  run: ({ flags, args, client }) => {
    const platform = platformQuery(flags.string('platform'));
    return inspectAll(args, flags.string('format'), (name) => fetchObject(client, 'image', name, { platform }));
  },
};

export const networkInspectCommand: Command = {
  use: 'inspect [OPTIONS] NETWORK [NETWORK...]',
  short: 'Display detailed information on one or more networks',
  args: [1, Infinity],
  flags: [inspectFormat, { name: 'verbose', short: 'v', type: type.bool, usage: 'Verbose output for diagnostics' }],
  run: ({ flags, args, client }) =>
    inspectAll(args, flags.string('format'), (name) =>
      fetchObject(client, 'network', name, { verbose: flags.bool('verbose') || undefined }),
    ),
};

export const volumeInspectCommand: Command = {
  use: 'inspect [OPTIONS] VOLUME [VOLUME...]',
  short: 'Display detailed information on one or more volumes',
  args: [1, Infinity],
  flags: [inspectFormat],
  run: ({ flags, args, client }) =>
    inspectAll(args, flags.string('format'), (name) => fetchObject(client, 'volume', name, {})),
};

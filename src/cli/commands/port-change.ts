/** `port add`, `port rm`: what is published of a container that exists. Docker has no such commands. */
import type { PortsResponseJson } from '../../wire/ports.ts';
import { usageLine, type Call, type Command } from '../command/command.ts';
import { PROGRAM } from '../command/program-name.ts';
import { StatusError, errorText } from '../command/status-error.ts';
import { joinHostPort } from '../container/listing.ts';
import { parsePublish, type PortBindings } from '../container/port-specs.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { complain, print } from '../terminal/output.ts';

/** What was meant by `port add web`, where no container is called `add`; `path` is that of `port`. */
export function changeWithoutSpec(path: string, args: readonly string[]): StatusError | undefined {
  if (args[0] === 'ls')
    return args.length > 1
      ? undefined
      : new StatusError(
          `${PROGRAM}: '${path} ls' needs a CONTAINER\n\nUsage:  ${path} ls CONTAINER [PRIVATE_PORT[/PROTO]]\n\nRun '${path} ls --help' for more information`,
        );
  const command = args[0] === 'add' ? addCommand : args[0] === 'rm' ? removeCommand : undefined;
  if (!command) return undefined;
  const missing = args.length === 1 ? 'a CONTAINER and a SPEC' : 'a SPEC: what to publish, like 8081:80';
  return new StatusError(
    `${PROGRAM}: '${path} ${args[0]}' needs ${missing}\n\nUsage:  ${usageLine(`${path} ${args[0]}`, command.use)}\n\nRun '${path} ${args[0]} --help' for more information`,
  );
}

const SPEC_HELP = `SPEC is what 'run --publish' takes: [HOST_IP:][HOST_PORT:]PORT[/PROTO], with ranges. Of a container that does
not run, its next start is changed.`;

export const addCommand: Command = {
  use: 'add CONTAINER SPEC [SPEC...]',
  short: 'Publish more ports of a container',
  long: `Publish more ports of a running container, at once and for its later starts\n\n${SPEC_HELP}`,
  args: [2, Infinity],
  flags: [],
  run: (call) => change(call, (path, bindings) => call.client.json('POST', path, { body: { PortBindings: bindings } })),
};

export const removeCommand: Command = {
  use: 'rm CONTAINER SPEC [SPEC...]',
  short: 'Stop publishing ports of a container',
  long: `Stop publishing ports of a running container, at once and for its later starts, and end the connections\nthrough them. A SPEC without host port or address means all that are published of the container's port.\n\n${SPEC_HELP}`,
  args: [2, Infinity],
  flags: [],
  run: (call) =>
    change(call, (path, bindings) => call.client.json('DELETE', path, { body: { PortBindings: bindings } })),
};

async function change(
  { args }: Call,
  ask: (path: string, bindings: PortBindings) => Promise<PortsResponseJson>,
): Promise<void> {
  const [container = '', ...specs] = args;
  let bindings: PortBindings;
  try {
    bindings = parsePublish(specs);
  } catch (error) {
    throw new StatusError(errorText(error));
  }
  const { Running, Ports } = await ask(`/causeway/containers/${encodeURIComponent(container)}/ports`, bindings);
  const lines = Object.entries(Ports).flatMap(([port, list]) =>
    (list ?? []).map(({ HostIp, HostPort }) => `${port} -> ${joinHostPort(HostIp, HostPort)}`),
  );
  if (lines.length > 0) print(`${lines.toSorted(naturalOrder).join('\n')}\n`);
  if (!Running) complain(`${container} is not running: the change is in effect with its next start`);
}

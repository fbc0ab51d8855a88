/**
 * The environment variables of a link on the default bridge, in Docker's order: ports, name, the source's environment.
 */
import { innerAlias } from './parse-link.ts';
import type { Port } from '../../model/port.ts';

export interface LinkVariablesInput {
  readonly alias: string;
  readonly recipientName: string; // the linking container, without the slash
  readonly address: string; // the source's address on the default bridge
  readonly ports: readonly Port[]; // what the source exposes
  readonly sourceEnv: readonly string[]; // the source's own environment: image and -e
}

export function linkVariables(input: LinkVariablesInput): string[] {
  const { alias, address } = input;
  const prefix = innerAlias(alias).toUpperCase().replaceAll('-', '_');
  return [
    ...portVariables(prefix, address, sortPorts(input.ports)),
    `${prefix}_NAME=/${input.recipientName}/${alias}`,
    ...sourceVariables(prefix, input.sourceEnv),
  ];
}

/** tcp first, then the other protocols by name; by number within one. */
function sortPorts(ports: readonly Port[]): Port[] {
  const rank = (port: Port) => (port.protocol === 'tcp' ? '' : port.protocol);
  return ports.toSorted((a, b) => (rank(a) === rank(b) ? a.port - b.port : rank(a) < rank(b) ? -1 : 1));
}

/**
 * Each port has four variables, and a run of consecutive ports four more; Docker prints the run's after those of the
 * port that ended it, and so does the engine, as the last of two equal names wins.
 */
function portVariables(prefix: string, address: string, ports: readonly Port[]): string[] {
  const variables: string[] = [];
  const url = (port: Port) => `${port.protocol}://${address}:${port.port}`;
  const nameOf = (port: Port) => `${prefix}_PORT_${port.port}_${port.protocol.toUpperCase()}`;
  let start = ports[0];
  let end = ports[0];
  if (start) variables.push(`${prefix}_PORT=${url(start)}`);
  for (const [index, port] of ports.entries()) {
    const name = nameOf(port);
    variables.push(
      `${name}=${url(port)}`,
      `${name}_ADDR=${address}`,
      `${name}_PORT=${port.port}`,
      `${name}_PROTO=${port.protocol}`,
    );
    if (end && start && port.port === end.port + 1 && port.protocol === start.protocol) {
      end = port;
      if (index < ports.length - 1) continue;
    }
    if (start && end && start !== end) {
      const run = nameOf(start);
      variables.push(
        `${run}_START=${url(start)}`,
        `${run}_PORT_START=${start.port}`,
        `${run}_END=${url(end)}`,
        `${run}_PORT_END=${end.port}`,
      );
    }
    start = port;
    end = port;
  }
  return variables;
}

/** HOME and PATH belong to the source alone, and a text without '=' is not a variable. */
function sourceVariables(prefix: string, env: readonly string[]): string[] {
  return env.flatMap((entry) => {
    const split = entry.indexOf('=');
    const name = entry.slice(0, Math.max(split, 0));
    return split < 0 || name === 'HOME' || name === 'PATH' ? [] : [`${prefix}_ENV_${name}=${entry.slice(split + 1)}`];
  });
}

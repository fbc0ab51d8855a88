/** Where the daemon is: -H, CAUSEWAY_HOST, DOCKER_HOST, or the default socket, in Docker's notation. */
import { StatusError } from '../command/status-error.ts';

const DEFAULT_HOST = 'unix:///run/causeway/causeway.sock';
const DEFAULT_TCP_PORT = 2375;

export type Endpoint =
  | { readonly kind: 'unix'; readonly host: string; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly hostname: string; readonly port: number };

export function chooseHost(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  return flag || env['CAUSEWAY_HOST'] || env['DOCKER_HOST'] || DEFAULT_HOST;
}

export function parseEndpoint(host: string): Endpoint {
  const text = host.trim();
  const separator = text.indexOf('://');
  const scheme = separator < 0 ? 'tcp' : text.slice(0, separator);
  const rest = separator < 0 ? text : text.slice(separator + 3);
  switch (scheme) {
    case 'unix':
      return rest === '' ? parseEndpoint(DEFAULT_HOST) : { kind: 'unix', host: text, path: rest };
    case 'tcp':
    case 'http': {
      const match = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]*)(?::(\d+))?\/?$/.exec(rest);
      if (!match) break;
      const hostname = (match[1] || '127.0.0.1').replace(/^\[|\]$/g, '');
      const port = Number(match[2] ?? DEFAULT_TCP_PORT);
      const shown = hostname.includes(':') ? `[${hostname}]` : hostname;
      return { kind: 'tcp', host: `tcp://${shown}:${port}`, hostname, port };
    }
    case 'ssh':
    case 'npipe':
    case 'https':
      throw new StatusError(`Failed to initialize: ${scheme}:// connections are not supported; use unix:// or tcp://`);
    default:
  }
  throw new StatusError(
    `Failed to initialize: unable to resolve docker endpoint: invalid bind address format: ${text}`,
  );
}

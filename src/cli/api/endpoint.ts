/** Where the daemon is: a context, -H, CAUSEWAY_HOST, DOCKER_HOST, or the default socket, in Docker's notation. */
import { StatusError } from '../command/status-error.ts';
import { chosenContext, DEFAULT_CONTEXT } from './context.ts';
import { parseSsh, type SshTarget } from './ssh-target.ts';
import {
  configDirectory,
  readTls,
  refuseTlsWithoutAuthority,
  tlsOfFlags,
  type TlsFlags,
  type TlsOptions,
} from './tls-files.ts';

const DEFAULT_HOST = 'unix:///run/causeway/causeway.sock';
const DEFAULT_TCP_PORT = 2375;
const DEFAULT_TLS_PORT = 2376;

export type Endpoint =
  | { readonly kind: 'unix'; readonly host: string; readonly path: string }
  | ({ readonly kind: 'ssh' } & SshTarget)
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly hostname: string;
      readonly port: number;
      readonly tls?: TlsOptions;
    };

/** What the words in front of the command say of the daemon. */
export interface EndpointFlags extends TlsFlags {
  readonly hosts: readonly string[];
  /** Empty: not given. */
  readonly context: string;
}

/** Finds the daemon when it is first asked for: a context that is missing stops no command that needs no daemon. */
export class Endpoints {
  readonly #flags: EndpointFlags;
  readonly #env: NodeJS.ProcessEnv;
  #store: typeof import('./context-store.ts') | undefined;

  constructor(flags: EndpointFlags, env: NodeJS.ProcessEnv) {
    this.#flags = flags;
    this.#env = env;
  }

  /** Before `endpoint`: loads what reads contexts, which most commands do not need. */
  async prepare(): Promise<void> {
    const { hosts, context } = this.#flags;
    const mayBe = hosts.length === 0 && (context || this.#env['DOCKER_CONTEXT']);
    if (mayBe) this.#store = await import('./context-store.ts');
  }

  /** The context's name: 'default' where a host was named, or nothing. */
  context(): string {
    return this.#context() ?? DEFAULT_CONTEXT;
  }

  /** Where commands go without a context. */
  defaultHost(): string {
    return this.#flags.hosts[0] || this.#env['CAUSEWAY_HOST'] || this.#env['DOCKER_HOST'] || DEFAULT_HOST;
  }

  /** Throws StatusError in Docker's words. */
  endpoint(): Endpoint {
    if (this.#flags.hosts.length > 1)
      throw new StatusError('Failed to initialize: unable to resolve docker endpoint: Specify only one -H');
    const name = this.#context();
    if (name === undefined) {
      const endpoint = parseEndpoint(this.defaultHost(), tlsOfFlags(this.#flags, this.#env));
      if (endpoint.kind === 'unix') refuseTlsWithoutAuthority(this.#flags, this.#env);
      return endpoint;
    }
    const { host, tls, skipVerify } = this.#store!.readContext(configDirectory(this.#env), name);
    const secure = Object.keys(tls).length > 0 ? readTls(tls, skipVerify) : undefined;
    return parseEndpoint(host, secure ?? tlsOfFlags(this.#flags, this.#env));
  }

  #context(): string | undefined {
    return chosenContext(this.#flags.context, this.#flags.hosts.length > 0, this.#env);
  }
}

function parseEndpoint(host: string, tls?: TlsOptions): Endpoint {
  const text = host.trim();
  const separator = text.indexOf('://');
  const scheme = separator < 0 ? 'tcp' : text.slice(0, separator);
  const rest = separator < 0 ? text : text.slice(separator + 3);
  switch (scheme) {
    case 'unix':
      return rest === '' ? parseEndpoint(DEFAULT_HOST) : { kind: 'unix', host: text, path: rest };
    case 'tcp':
    case 'http':
    case 'https': {
      const secure = tls ?? (scheme === 'https' ? { rejectUnauthorized: true } : undefined);
      const match = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]*)(?::(\d+))?\/?$/.exec(rest);
      if (!match) break;
      const hostname = (match[1] || '127.0.0.1').replace(/^\[|\]$/g, '');
      const port = Number(match[2] ?? (secure ? DEFAULT_TLS_PORT : DEFAULT_TCP_PORT));
      const shown = hostname.includes(':') ? `[${hostname}]` : hostname;
      return { kind: 'tcp', host: `tcp://${shown}:${port}`, hostname, port, ...(secure ? { tls: secure } : {}) };
    }
    case 'ssh':
      return { kind: 'ssh', ...parseSsh(text) };
    case 'npipe':
    case 'fd':
      throw new StatusError(
        `Failed to initialize: ${scheme}:// connections are not supported; use unix://, tcp:// or ssh://`,
      );
    default:
  }
  throw new StatusError(
    `Failed to initialize: unable to resolve docker endpoint: invalid bind address format: ${text}`,
  );
}

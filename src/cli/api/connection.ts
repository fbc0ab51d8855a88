/** How requests reach an endpoint: a unix socket, TCP with or without TLS, or a tunnel. Loads only what it needs;
 * and is loaded by whoever needs it, as Node's HTTP takes longer to load than all of this command line. */
import { Agent, request as httpRequest, type ClientRequest, type RequestOptions } from 'node:http';
import type { Endpoint } from './endpoint.ts';

export interface Connection {
  /** Keeps connections for further requests. */
  readonly agent: Agent;
  readonly options: RequestOptions & { readonly servername?: string };
  readonly open: (options: RequestOptions) => ClientRequest;
  /** Why a tunnel broke, in the words of its program; empty: not known. */
  readonly complaint: () => Promise<string>;
}

export async function connectionTo(endpoint: Endpoint): Promise<Connection> {
  const keepAlive = { keepAlive: true };
  if (endpoint.kind === 'unix')
    return {
      agent: new Agent(keepAlive),
      options: { socketPath: endpoint.path },
      open: httpRequest,
      complaint: silent,
    };
  if (endpoint.kind === 'ssh') {
    const { openTunnel } = await import('./ssh-tunnel.ts');
    const { connect, complaint } = openTunnel(endpoint);
    const [agent, single] = [new Agent(keepAlive), new Agent()];
    for (const one of [agent, single]) one.createConnection = connect;
    return {
      agent,
      options: {},
      open: (options) => httpRequest({ ...options, agent: options.agent || single }),
      complaint,
    };
  }
  const where = { host: endpoint.hostname, port: endpoint.port };
  if (!endpoint.tls) return { agent: new Agent(keepAlive), options: where, open: httpRequest, complaint: silent };
  const https = await import('node:https');
  const { isIP } = await import('node:net');
  const servername = isIP(endpoint.hostname) ? '' : endpoint.hostname;
  const options = { ...where, ...endpoint.tls, servername };
  return { agent: new https.Agent(keepAlive), options, open: https.request, complaint: silent };
}

const silent = () => Promise.resolve('');

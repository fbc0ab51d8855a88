/** How requests reach an endpoint: a unix socket, TCP with or without TLS, or a tunnel. Loads only what it needs. */
import { Agent, request as httpRequest, type ClientRequest, type RequestOptions } from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import type { Endpoint } from './endpoint.ts';

export interface Connection {
  /** Keeps connections for further requests. */
  readonly agent: Agent;
  readonly options: RequestOptions & { readonly servername?: string };
  readonly open: (options: RequestOptions) => ClientRequest;
  /** Why a tunnel broke, in the words of its program; empty: not known. */
  readonly complaint: () => string;
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
    const { path, complaint } = await openTunnel(endpoint);
    return { agent: new Agent(keepAlive), options: { socketPath: path }, open: httpRequest, complaint };
  }
  const where = { host: endpoint.hostname, port: endpoint.port };
  if (!endpoint.tls) return { agent: new Agent(keepAlive), options: where, open: httpRequest, complaint: silent };
  const https = await import('node:https');
  const { isIP } = await import('node:net');
  const servername = isIP(endpoint.hostname) ? '' : endpoint.hostname;
  const options = { ...where, ...endpoint.tls, servername };
  return { agent: new https.Agent(keepAlive), options, open: https.request, complaint: silent };
}

const silent = () => '';

/** Who may use the socket and how to become one of them; behind a permission error. Empty: not known. */
export function socketAdvice(endpoint: Endpoint): string {
  if (endpoint.kind !== 'unix') return '';
  try {
    const { gid, mode } = statSync(endpoint.path);
    if (gid === 0 || (mode & 0o020) === 0) return ': it is for root alone; run this with sudo';
    const group = groupName(gid) ?? String(gid);
    return `: it is for root and the group ${group}; run this with sudo, or join the group (sudo usermod -aG ${group} $USER) and log in again`;
  } catch {
    return '';
  }
}

const groupName = (gid: number): string | undefined =>
  readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(gid))?.[0];

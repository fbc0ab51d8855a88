/** `-H` as dockerd reads it: unix://PATH, tcp://HOST:PORT, fd://; parts that are left away have defaults. */
import { invalid } from '../../base/errors.ts';

const DEFAULT_SOCKET = '/run/causeway/causeway.sock';
const MAX_SOCKET_PATH = 107; // bytes of sun_path without the last zero

/** The whole address. `tls` decides the default port. @throws invalid */
export function parseHostAddress(text: string, tls: boolean): string {
  const host = text.trim();
  if (host === '') return tls ? 'tcp://localhost:2376' : `unix://${DEFAULT_SOCKET}`;
  const refuse = (reason: string): never => {
    throw invalid(`invalid bind address (${host.slice(0, 200)}): ${reason}`);
  };
  const mark = host.indexOf('://');
  const scheme = mark === -1 ? 'tcp' : host.slice(0, mark);
  const rest = mark === -1 ? host : host.slice(mark + 3);
  if (rest.includes('://')) return refuse(`invalid ${scheme} address: ${rest.slice(0, 200)}`);
  if (scheme === 'fd') return `fd://${rest}`;
  if (scheme === 'unix') {
    const path = rest === '' ? DEFAULT_SOCKET : rest;
    if (!path.startsWith('/')) return refuse('expected unix:///path: the path of a socket is absolute');
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH)
      return refuse(`the path of a socket has at most ${MAX_SOCKET_PATH} bytes`);
    return `unix://${path}`;
  }
  if (scheme !== 'tcp')
    return refuse(`unsupported proto '${scheme}': expected unix:///path, tcp://address:port or fd://`);
  const match = /^(\[[0-9a-fA-F:.%\w]*\]|[^/:\s?#@]*)(?::(\d*))?$/.exec(rest);
  if (!match) return refuse(rest.includes('/') ? 'should not contain a path element' : 'expected tcp://address:port');
  const port = match[2] || (tls ? '2376' : '2375');
  if (Number(port) < 1 || Number(port) > 65535) return refuse('a port is a number from 1 to 65535');
  return `tcp://${match[1] || 'localhost'}:${port}`;
}

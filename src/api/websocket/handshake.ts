/** The beginning of a websocket (RFC 6455), without extensions and subprotocols. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { invalid } from '../../base/errors.ts';

/** Every server appends it to the client's key: a proxy that does not know websockets would not. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The lines of the head behind its first. @throws invalid where the request asks for no websocket */
export function acceptWebsocket({ headers }: IncomingMessage): string {
  const key = headers['sec-websocket-key'];
  const asks =
    headers.upgrade?.toLowerCase() === 'websocket' && /(^|,)\s*upgrade\s*(,|$)/i.test(headers.connection ?? '');
  if (!asks || key === undefined) throw invalid('not websocket protocol');
  if (headers['sec-websocket-version'] !== '13') throw invalid('missing or bad WebSocket Version: it must be 13');
  const accept = createHash('sha1').update(`${key}${KEY_SUFFIX}`).digest('base64');
  return `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;
}

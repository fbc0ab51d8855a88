import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage } from '../base/errors.ts';
import type { Call } from './call.ts';

/** Streams a tar; a failure half way cuts the connection, so that no client takes the rest for whole. */
export async function sendTar(call: Call, tar: Readable, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  call.response.writeHead(200, { 'Content-Type': 'application/x-tar', ...headers });
  call.response.flushHeaders();
  try {
    await pipeline(tar, call.response);
  } catch (error) {
    call.log.warn({ path: call.loggedPath, error: errorMessage(error) }, 'a tar stream broke off');
    call.response.destroy();
  }
}
